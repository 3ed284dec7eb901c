package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
)

//go:embed static/*
var staticFiles embed.FS

// tags are the entity tags of the static files, so that a browser asks again
// after an upgrade and gets 304 otherwise.
var tags = func() map[string]string {
	tags := map[string]string{}
	err := fs.WalkDir(staticFiles, "static", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := staticFiles.ReadFile(path)
		sum := sha256.Sum256(data)
		tags[entry.Name()] = `"` + hex.EncodeToString(sum[:8]) + `"`
		return err
	})
	if err != nil {
		panic("web: the embedded files can be read: " + err.Error())
	}
	return tags
}()

func (a *app) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	tag, known := tags[name]
	if !known {
		a.complain(w, r, complaint{http.StatusNotFound, "there is no file " + name, "begin at the board"})
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", tag)
	http.ServeFileFS(w, r, staticFiles, "static/"+name)
}
