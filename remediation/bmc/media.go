package bmc

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/trusted"
	"github.com/spinware/piket/remediation"
)

// Images puts disk images into virtual drives and takes them out.
type Images struct {
	CAFile func() string // who vouches for the server of the images; "" for the system's list
}

// imageTime bounds reading an image through: a whole send has 25 seconds, and the
// BMC needs some of them. One that takes longer is refused.
const imageTime = 15 * time.Second

// Action carries out an order about a machine's virtual drive. Before an image is
// inserted it is read once through and its SHA-256 compared: BMCs do not. It sends
// at most one command; Done means that the drive was looked at again.
func (im Images) Action(ctx context.Context, o remediation.Order) remediation.Result {
	ctx, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	inserts := o.Intent.Verb == incident.MediaInsert
	c, err := newMediaChange(o)
	if err == nil && inserts {
		err = im.compare(ctx, o.Intent)
	}
	if err != nil {
		return refused(err)
	}
	s, err := openToChange(ctx, o.Server.BMC)
	if err != nil {
		return refused(err)
	}
	defer s.close()
	r, ok := s.(*redfish)
	if !ok {
		return refused(errors.New("this BMC has no virtual drive that piket can use"))
	}
	m, err := r.look(ctx)
	if err == nil {
		err = c.fits(m)
	}
	if err != nil {
		return refused(err)
	}
	identified()
	return r.changeMedia(ctx, c, o.Intent)
}

func newMediaChange(o remediation.Order) (*change, error) {
	switch verb := o.Intent.Verb; {
	case verb != incident.MediaInsert && verb != incident.MediaEject:
		return nil, fmt.Errorf("%q is not something that piket does to a virtual drive (insert, eject)", verb)
	case o.Intent.ISO == "":
		return nil, errors.New("the order names no image")
	case o.Server.BMC != nil && o.Server.BMC.Protocol != inventory.Redfish:
		return nil, errors.New("its BMC speaks IPMI, which knows no virtual drive")
	}
	return newChange(o, o.Intent.Verb+" image", func(machine) error { return nil })
}

// compare reads the image through and holds it against the hash that people
// agreed to.
func (im Images) compare(ctx context.Context, i incident.Intended) error {
	ctx, cancel := context.WithTimeout(ctx, imageTime)
	defer cancel()
	roots, err := trusted.CAs(im.CAFile())
	if err != nil {
		return fmt.Errorf("media.ca_file: %w", err)
	}
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.ISO, nil)
	if err != nil || req.URL.Scheme != "https" {
		return errors.New("the image has no https address")
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the image could not be read (%w)", networkTrouble(req.URL.Host, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the image could not be read: its server answers HTTP %d", resp.StatusCode)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, resp.Body); err != nil {
		return fmt.Errorf("the image could not be read through in %v (%w)", imageTime, networkTrouble(req.URL.Host, err))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != i.SHA256 {
		return fmt.Errorf("the image is not the one that was agreed to: its SHA-256 is %.12s, not %.12s", got, i.SHA256)
	}
	return nil
}
