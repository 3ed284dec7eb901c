package lab

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
)

// imagePath is where the one image lies.
const imagePath = "/install.iso"

// image is what an installer's disk image stands for: its first and last words,
// and 256 kB between them.
func image() []byte {
	return append(append([]byte("CD001 pretend installer\n"), bytes.Repeat([]byte("install "), 32<<10)...), "end\n"...)
}

// serveImages starts the server from which controllers take disk images.
func (d *Datacenter) serveImages() error {
	cert, err := d.ca.issue("images")
	if err != nil {
		return err
	}
	l, err := d.listen(func() bool { return !d.withoutImages() })
	if err != nil {
		return fmt.Errorf("listen for the images: %w", err)
	}
	d.imagesPort = port(l.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+imagePath, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(image()) // the client is gone: nobody to tell
	})
	config := &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	d.serveHTTP(tls.NewListener(l, config), mux)
	return nil
}

func (d *Datacenter) withoutImages() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.imagesGone
}

// BreakImages takes the server of the images away; HealImages brings it back.
func (d *Datacenter) BreakImages() { d.setImages(true) }

// HealImages undoes BreakImages.
func (d *Datacenter) HealImages() { d.setImages(false) }

func (d *Datacenter) setImages(gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.imagesGone = gone
}

// ImagesHost is the server of the images, as a list of allowed hosts names it.
func (d *Datacenter) ImagesHost() string { return fmt.Sprintf("127.0.0.1:%d", d.imagesPort) }

// Image is the address of the installer's image, and its SHA-256.
func (d *Datacenter) Image() (iso, sum string) {
	hash := sha256.Sum256(image())
	return "https://" + d.ImagesHost() + imagePath, hex.EncodeToString(hash[:])
}
