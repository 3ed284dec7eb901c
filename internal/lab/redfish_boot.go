package lab

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Paths of the virtual drive.
const (
	mediaPath   = "/redfish/v1/Managers/1/VirtualMedia"
	drivePath   = mediaPath + "/1"
	insertPath  = drivePath + "/Actions/VirtualMedia.InsertMedia"
	ejectPath   = drivePath + "/Actions/VirtualMedia.EjectMedia"
	bootTargets = "None, Pxe, Cd, Hdd, BiosSetup"
)

func (c *redfish) serveBoot(mux *http.ServeMux) {
	mux.HandleFunc("PATCH /redfish/v1/Systems/1", c.patchSystem)
	mux.HandleFunc("GET "+mediaPath, c.private(collection(mediaPath, "VirtualMediaCollection")))
	mux.HandleFunc("GET "+drivePath, c.private(c.drive))
	mux.HandleFunc("POST "+insertPath, c.insert)
	mux.HandleFunc("POST "+ejectPath, c.eject)
}

// boot is the part of the system that says from what it starts next.
func (c *redfish) boot() object {
	o, _ := c.lab.held(c.server)
	return object{
		"BootSourceOverrideEnabled": o.enabled, "BootSourceOverrideTarget": o.target, "BootSourceOverrideMode": "UEFI",
		"BootSourceOverrideTarget@Redfish.AllowableValues": []string{"None", "Pxe", "Cd", "Hdd", "BiosSetup"},
	}
}

// patchSystem sets the boot override, and nothing else.
func (c *redfish) patchSystem(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Boot struct{ BootSourceOverrideEnabled, BootSourceOverrideTarget string }
	}
	if !c.known(r) {
		refuse(w)
		return
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields() // as controllers do that know only what they have
	if err := decoder.Decode(&body); err != nil || body.Boot.BootSourceOverrideEnabled == "" {
		complain(w, http.StatusBadRequest, "PropertyUnknown", "only Boot can be changed, and of it the override ("+bootTargets+")")
		return
	}
	if !c.lab.setOverride(c.server, "redfish", override{body.Boot.BootSourceOverrideEnabled, body.Boot.BootSourceOverrideTarget}) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *redfish) drive() object {
	_, image := c.lab.held(c.server)
	return object{
		"@odata.id": drivePath, "@odata.type": "#VirtualMedia.v1_6_0.VirtualMedia", "Id": "1", "Name": "Virtual CD",
		"MediaTypes": []string{"CD", "DVD"}, "Image": image, "Inserted": image != "", "WriteProtected": true,
		"Actions": object{"#VirtualMedia.InsertMedia": object{"target": insertPath}, "#VirtualMedia.EjectMedia": object{"target": ejectPath}},
	}
}

func (c *redfish) insert(w http.ResponseWriter, r *http.Request) {
	var body struct{ Image string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Image == "" {
		complain(w, http.StatusBadRequest, "ActionParameterMissing", "which image?")
		return
	}
	c.changeDrive(w, r, body.Image)
}

func (c *redfish) eject(w http.ResponseWriter, r *http.Request) { c.changeDrive(w, r, "") }

func (c *redfish) changeDrive(w http.ResponseWriter, r *http.Request, image string) {
	if !c.known(r) {
		refuse(w)
		return
	}
	switch err := c.lab.setImage(c.server, image); {
	case errors.Is(err, errUnanswered):
		panic(http.ErrAbortHandler)
	case err != nil:
		complain(w, http.StatusInternalServerError, "GeneralError", err.Error())
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
