package lab

import "time"

// Paths that are both served and linked to.
const (
	sessionsPath = "/redfish/v1/SessionService/Sessions"
	resetTarget  = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
)

// resetTypes is what the controllers offer, in the order that they list it.
var resetTypes = []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"}

func link(path string) object { return object{"@odata.id": path} }

func (c *redfish) versions() object { return object{"v1": "/redfish/v1/"} }

func (c *redfish) root() object {
	return object{
		"@odata.id": "/redfish/v1/", "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
		"Id": "RootService", "Name": "Root Service", "RedfishVersion": "1.17.0",
		"Systems": link("/redfish/v1/Systems"), "Chassis": link("/redfish/v1/Chassis"),
		"Managers": link("/redfish/v1/Managers"), "SessionService": link("/redfish/v1/SessionService"),
		"Tasks": link(tasksService), "UpdateService": link(updateService),
		"Links":                     object{"Sessions": link(sessionsPath)},
		"ProtocolFeaturesSupported": object{"TopSkipQuery": true},
	}
}

// collection is a collection with the one member "1".
func collection(path, kind string) func() object {
	return func() object {
		return object{
			"@odata.id": path, "@odata.type": "#" + kind + "." + kind, "Name": kind,
			"Members@odata.count": 1, "Members": []object{link(path + "/1")},
		}
	}
}

// system describes the machine at the other end of the controller's cable.
func (c *redfish) system() object {
	m := c.lab.seen(c.server)
	out := object{
		"@odata.id": "/redfish/v1/Systems/1", "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
		"Id": "1", "Name": "System", "SystemType": "Physical",
		"Manufacturer": m.plan.Maker, "Model": m.plan.Model, "SerialNumber": m.plan.Serial, "UUID": m.uuid,
		"PowerState": m.power, "Boot": c.boot(),
		"Status":      object{"State": "Enabled", "Health": "OK", "HealthRollup": m.hardware.health()},
		"LogServices": link(logsPath),
		"Links":       object{"Chassis": []object{link("/redfish/v1/Chassis/1")}, "ManagedBy": []object{link("/redfish/v1/Managers/1")}},
		"Actions": object{"#ComputerSystem.Reset": object{
			"target": resetTarget, "ResetType@Redfish.AllowableValues": resetTypes,
		}},
	}
	if m.progress != "" {
		out["LastResetTime"], out["BootProgress"] = m.began.Format(time.RFC3339), object{"LastState": m.progress}
	}
	return out
}

func (c *redfish) chassis() object {
	m := c.lab.seen(c.server)
	return object{
		"@odata.id": "/redfish/v1/Chassis/1", "@odata.type": "#Chassis.v1_22_0.Chassis",
		"Id": "1", "Name": "Chassis", "ChassisType": "RackMount", "PowerState": m.power,
		"Manufacturer": m.plan.Maker, "Model": m.plan.Model, "SerialNumber": m.plan.Serial,
		"Status":  object{"State": "Enabled", "Health": "OK", "HealthRollup": m.hardware.health()},
		"Thermal": link(thermalPath), "Power": link(powerPath),
		"Links": object{"ComputerSystems": []object{link("/redfish/v1/Systems/1")}, "ManagedBy": []object{link("/redfish/v1/Managers/1")}},
	}
}

func (c *redfish) manager() object {
	return object{
		"@odata.id": "/redfish/v1/Managers/1", "@odata.type": "#Manager.v1_18_0.Manager",
		"Id": "1", "Name": "Manager", "ManagerType": "BMC", "FirmwareVersion": "1.42",
		"Status": object{"State": "Enabled", "Health": "OK"}, "VirtualMedia": link(mediaPath),
		"Links": object{"ManagerForServers": []object{link("/redfish/v1/Systems/1")}, "ManagerForChassis": []object{link("/redfish/v1/Chassis/1")}},
	}
}

func (c *redfish) sessionService() object {
	return object{
		"@odata.id": "/redfish/v1/SessionService", "@odata.type": "#SessionService.v1_1_8.SessionService",
		"Id": "SessionService", "Name": "Session Service", "ServiceEnabled": true,
		"SessionTimeout": int(sessionIdle.Seconds()), "Sessions": link(sessionsPath),
	}
}

func (c *redfish) sessions() object {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	members := []object{}
	for id := range c.server.sessions {
		members = append(members, link(sessionsPath+"/"+id))
	}
	if c.lab.wired(c.server).faults[ConsoleOpen] {
		members = append(members, link(sessionsPath+"/"+consoleSession))
	}
	return object{
		"@odata.id": sessionsPath, "@odata.type": "#SessionCollection.SessionCollection", "Name": "Sessions",
		"Members@odata.count": len(members), "Members": members,
	}
}
