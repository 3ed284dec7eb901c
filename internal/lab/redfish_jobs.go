package lab

import "net/http"

// Paths of what a controller knows of jobs.
const (
	tasksService  = "/redfish/v1/TaskService"
	tasksPath     = tasksService + "/Tasks"
	updateService = "/redfish/v1/UpdateService"
)

// consoleSession is the id of the session of whoever has the console open.
const consoleSession = "console"

// serveJobs lists the resources of jobs and of sessions of others.
func (c *redfish) serveJobs(mux *http.ServeMux) {
	mux.HandleFunc("GET "+tasksService, c.private(c.taskService))
	mux.HandleFunc("GET "+tasksPath, c.private(c.tasks))
	mux.HandleFunc("GET "+tasksPath+"/{id}", c.task)
	mux.HandleFunc("GET "+updateService, c.private(c.updates))
	mux.HandleFunc("GET "+sessionsPath+"/{id}", c.session)
}

func (c *redfish) taskService() object {
	return object{
		"@odata.id": tasksService, "@odata.type": "#TaskService.v1_2_0.TaskService", "Id": "TaskService", "Name": "Tasks",
		"ServiceEnabled": true, "Tasks": link(tasksPath),
	}
}

// tasks lists the job that is over, and the one that runs.
func (c *redfish) tasks() object {
	members := []object{link(tasksPath + "/1")}
	if c.lab.seen(c.server).working {
		members = append(members, link(tasksPath+"/2"))
	}
	return object{
		"@odata.id": tasksPath, "@odata.type": "#TaskCollection.TaskCollection", "Name": "Tasks",
		"Members@odata.count": len(members), "Members": members,
	}
}

func (c *redfish) task(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	state, known := map[string]string{"1": "Completed", "2": "Running"}[id]
	switch {
	case !c.known(r):
		refuse(w)
	case !known || id == "2" && !c.lab.seen(c.server).working:
		complain(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no task "+id)
	default:
		reply(w, http.StatusOK, object{
			"@odata.id": tasksPath + "/" + id, "@odata.type": "#Task.v1_7_4.Task", "Id": id, "Name": "Firmware Update",
			"TaskState": state, "TaskStatus": severityOK,
		})
	}
}

func (c *redfish) updates() object {
	state := stateEnabled
	if c.lab.seen(c.server).working {
		state = "Updating"
	}
	return object{
		"@odata.id": updateService, "@odata.type": "#UpdateService.v1_14_0.UpdateService", "Id": "UpdateService", "Name": "Updates",
		"ServiceEnabled": true, "Status": object{"State": state, "Health": severityOK},
	}
}

func (c *redfish) session(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s := object{"@odata.id": sessionsPath + "/" + id, "@odata.type": "#Session.v1_7_1.Session", "Id": id, "Name": "Session"}
	c.lab.mu.Lock()
	_, ours := c.server.sessions[id]
	c.lab.mu.Unlock()
	switch {
	case !c.known(r):
		refuse(w)
		return
	case id == consoleSession && c.lab.seen(c.server).console:
		s["UserName"], s["SessionType"], s["ClientOriginIPAddress"] = "technician", "KVMIP", "192.0.2.40"
	case ours:
		s["UserName"], s["SessionType"] = bmcUser, "Redfish"
	default:
		complain(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no session "+id)
		return
	}
	reply(w, http.StatusOK, s)
}
