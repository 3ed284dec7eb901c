package lab

import (
	"net/http"
	"strconv"
	"time"
)

// Paths of what a controller knows of the machine's health.
const (
	systemPath  = "/redfish/v1/Systems/1"
	chassisPath = "/redfish/v1/Chassis/1"
	logsPath    = systemPath + "/LogServices"
	selPath     = logsPath + "/SEL"
	entriesPath = selPath + "/Entries"
	thermalPath = chassisPath + "/Thermal"
	powerPath   = chassisPath + "/Power"
)

// serveHealth lists the resources of health: sensors and the log.
func (c *redfish) serveHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET "+logsPath, c.private(c.logServices))
	mux.HandleFunc("GET "+selPath, c.private(c.logService))
	mux.HandleFunc("GET "+entriesPath, c.entries)
	mux.HandleFunc("GET "+entriesPath+"/{id}", c.entry)
	mux.HandleFunc("GET "+thermalPath, c.private(c.thermal))
	mux.HandleFunc("GET "+powerPath, c.private(c.power))
}

func (c *redfish) logServices() object {
	return object{
		"@odata.id": logsPath, "@odata.type": "#LogServiceCollection.LogServiceCollection", "Name": "Log Services",
		"Members@odata.count": 1, "Members": []object{link(selPath)},
	}
}

func (c *redfish) logService() object {
	return object{
		"@odata.id": selPath, "@odata.type": "#LogService.v1_4_0.LogService", "Id": "SEL", "Name": "System Event Log",
		"LogEntryType": "SEL", "MaxNumberOfRecords": maxSEL, "OverWritePolicy": "WrapsWhenFull",
		"DateTime": c.lab.clock.Now().Format(time.RFC3339), "Entries": link(entriesPath),
	}
}

// entries serves the log, oldest first, or the page of it that is asked for.
func (c *redfish) entries(w http.ResponseWriter, r *http.Request) {
	if !c.known(r) {
		refuse(w)
		return
	}
	log := c.lab.seen(c.server).hardware.log
	members := []object{}
	skip, top := queryNumber(r, "$skip", 0), queryNumber(r, "$top", len(log))
	for _, e := range log[min(skip, len(log)):min(skip+top, len(log))] {
		members = append(members, e.redfish())
	}
	reply(w, http.StatusOK, object{
		"@odata.id": entriesPath, "@odata.type": "#LogEntryCollection.LogEntryCollection", "Name": "Log Entries",
		"Members@odata.count": len(log), "Members": members,
	})
}

func (c *redfish) entry(w http.ResponseWriter, r *http.Request) {
	if !c.known(r) {
		refuse(w)
		return
	}
	for _, e := range c.lab.seen(c.server).hardware.log {
		if strconv.Itoa(e.id) == r.PathValue("id") {
			reply(w, http.StatusOK, e.redfish())
			return
		}
	}
	complain(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no entry "+r.PathValue("id"))
}

// queryNumber reads a number of the query that is not below 0.
func queryNumber(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 || n > maxSEL {
		return otherwise
	}
	return n
}

func (e event) redfish() object {
	id := strconv.Itoa(e.id)
	text, severity := e.part+": "+e.words, severityOK
	switch {
	case e.over:
		text += ": Deasserted"
	case e.isTrouble:
		severity = severityCrit
	}
	return object{
		"@odata.id": entriesPath + "/" + id, "@odata.type": "#LogEntry.v1_15_0.LogEntry", "Id": id, "Name": "Log Entry " + id,
		"EntryType": "SEL", "Severity": severity, "Created": e.at.UTC().Format(time.RFC3339), "Message": text, "SensorNumber": e.sensor,
	}
}

func (c *redfish) thermal() object {
	h := c.lab.seen(c.server).hardware
	return object{
		"@odata.id": thermalPath, "@odata.type": "#Thermal.v1_7_1.Thermal", "Id": "Thermal", "Name": "Thermal",
		"Temperatures": []object{{
			"MemberId": "0", "Name": "Inlet", "SensorNumber": inletSensor, "ReadingCelsius": inletCelsius,
			"UpperThresholdNonCritical": inletWarning, "UpperThresholdCritical": inletCritical,
			"Status": object{"State": stateEnabled, "Health": severityOK},
		}},
		"Fans": []object{h.fan("Fan 1", fan1Sensor, fanRPM), h.fan("Fan 2", fan2Sensor, h.fan2)},
	}
}

func (h hardware) fan(name string, sensor, rpm int) object {
	fan := object{
		"MemberId": name, "Name": name, "SensorNumber": sensor, "Reading": rpm, "ReadingUnits": "RPM",
		"LowerThresholdNonCritical": fanWarningRPM, "LowerThresholdCritical": fanCriticalRPM,
		"Status": object{"State": stateEnabled, "Health": severityOK},
	}
	switch {
	case !h.on:
		fan["Reading"], fan["Status"] = nil, object{"State": stateStandby}
	case rpm <= fanCriticalRPM:
		fan["Status"] = object{"State": stateEnabled, "Health": severityCrit}
	}
	return fan
}

func (c *redfish) power() object {
	h := c.lab.seen(c.server).hardware
	const mains = 230
	second := psu("PSU 2", mains, severityOK)
	if h.psuFailed {
		second = psu("PSU 2", 0, severityCrit)
	}
	return object{
		"@odata.id": powerPath, "@odata.type": "#Power.v1_7_1.Power", "Id": "Power", "Name": "Power",
		"PowerSupplies": []object{psu("PSU 1", mains, severityOK), second},
	}
}

func psu(name string, volts int, health string) object {
	return object{
		"MemberId": name, "Name": name, "LineInputVoltage": volts,
		"Status": object{"State": stateEnabled, "Health": health},
	}
}
