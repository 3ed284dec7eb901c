package bmc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// services are the parts of a ServiceRoot that know of jobs and sessions.
type services struct {
	Tasks         link // the TaskService
	JobService    link
	UpdateService link
	Links         struct{ Sessions link }

	ProtocolFeaturesSupported struct {
		ExpandQuery struct{ Levels bool }
	}
}

// job is a Task or a Job (DSP0268).
type job struct {
	link
	Id, Name, TaskState, JobState string
}

// login is a Session.
type login struct {
	link
	Id, UserName, SessionType, ClientOriginIPAddress string
}

// jobsLive are the states of a Task or a Job that is not over. One that is
// pending counts: many BMCs flash what waits at the next reset.
var jobsLive = []string{
	"New", "Starting", "Running", "Suspended", "Interrupted", "Pending", "Stopping", "Cancelling",
	"UserIntervention", "Continue",
}

// jobsOver are the others. What a vendor adds to the two lists is not understood.
var jobsOver = []string{"Completed", "Killed", "Exception", "Service", "Cancelled"}

// consoles are the types of a Session in which somebody sees the machine itself,
// or lends it a disk.
var consoles = []string{"HostConsole", "ManagerConsole", "KVMIP", "VirtualMedia"}

var (
	errNoSessions = errors.New("the BMC does not list its sessions")
	errNoTasks    = errors.New("the BMC does not list its jobs")
)

// boot is what the ComputerSystem that told the power says of its last boot.
func (s *redfish) boot() boot {
	known, err := s.chosen()
	if err != nil {
		return boot{}
	}
	return parseBoot(known.body)
}

func parseBoot(body []byte) boot {
	var sys struct {
		LastResetTime string
		BootProgress  struct{ LastState string }
	}
	if decodeLoosely(body, &sys) != nil {
		return boot{}
	}
	return boot{progress: strings.ToLower(clause(sys.BootProgress.LastState)), resetAt: parseTime(sys.LastResetTime)}
}

// standing asks the services that the BMC has. It lacks most of them as a rule.
func (s *redfish) standing(ctx context.Context) standing {
	var found standing
	var root services
	if err := decodeLoosely(s.wire.root, &root); err != nil {
		found.gap("jobs and consoles", err)
		return found
	}
	r := s.ask(ctx, maxStanding)
	var err error
	if found.console, err = r.console(root); err != nil {
		found.gap("consoles", err)
	}
	if found.task, err = s.task(r, root); err != nil {
		found.gap("jobs", err)
	}
	return found
}

// task asks for what is running. That nothing runs is known only when every
// service that the BMC has said so.
func (s *redfish) task(r *reader, root services) (told, error) {
	if known, err := s.chosen(); err == nil && updating(known.body) {
		return told{"the machine is being updated", true}, nil
	}
	if root.Tasks.Path == "" && root.JobService.Path == "" {
		return told{}, errNoTasks
	}
	expand := root.ProtocolFeaturesSupported.ExpandQuery.Levels
	var failed error
	for _, ask := range []func() (string, error){
		func() (string, error) { return r.updates(root.UpdateService) },
		func() (string, error) { return r.jobs(root.Tasks, expand) },
		func() (string, error) { return r.jobs(root.JobService, expand) },
	} {
		running, err := ask()
		if running != "" {
			return told{running, true}, nil
		}
		failed = errors.Join(failed, err)
	}
	return told{known: failed == nil}, failed
}

func updating(body []byte) bool {
	var sys resource
	return decodeLoosely(body, &sys) == nil && sys.Status.State == "Updating"
}

func (r *reader) updates(at link) (string, error) {
	if at.Path == "" {
		return "", nil
	}
	var service struct{ Status condition }
	if err := r.get(at.Path, &service); err != nil {
		return "", err
	}
	if service.Status.State == "Updating" {
		return "firmware is being updated", nil
	}
	return "", nil
}

// jobs asks a TaskService or a JobService for what is not over.
func (r *reader) jobs(at link, expand bool) (string, error) {
	if at.Path == "" {
		return "", nil
	}
	var service struct{ Tasks, Jobs link }
	if err := r.get(at.Path, &service); err != nil {
		return "", err
	}
	list, err := members(r, link{cmp.Or(service.Tasks.Path, service.Jobs.Path)}, expand, func(j job) link {
		if j.state() == "" {
			return j.link
		}
		return link{}
	})
	if running := liveJob(list); running != "" {
		return running, nil
	}
	if err == nil && slices.ContainsFunc(list, func(j job) bool { return !slices.Contains(jobsOver, j.state()) }) {
		err = errors.New("the BMC does not say clearly whether a job is over")
	}
	return "", err
}

func (j job) state() string { return cmp.Or(j.TaskState, j.JobState) }

// liveJob says which job is not over; "" when all are.
func liveJob(list []job) string {
	for _, j := range list {
		if slices.Contains(jobsLive, j.state()) {
			return clause(fmt.Sprintf("%s, %s", cmp.Or(j.Name, j.Id, "a job without a name"), strings.ToLower(j.state())))
		}
	}
	return ""
}

// console says who has a console open. piket itself opens none.
func (r *reader) console(root services) (told, error) {
	if root.Links.Sessions.Path == "" {
		return told{}, errNoSessions
	}
	list, err := members(r, root.Links.Sessions, root.ProtocolFeaturesSupported.ExpandQuery.Levels, func(l login) link {
		if l.UserName == "" && l.SessionType == "" {
			return l.link
		}
		return link{}
	})
	if open := openConsole(list); open != "" {
		return told{open, true}, nil
	}
	if err == nil && slices.ContainsFunc(list, func(l login) bool { return l.SessionType == "" && l.UserName != r.session.user }) {
		err = errors.New("the BMC does not say of what type its sessions are")
	}
	return told{known: err == nil}, err
}

// openConsole says who has a console open; "" for nobody.
func openConsole(list []login) string {
	for _, l := range list {
		if !slices.Contains(consoles, l.SessionType) {
			continue
		}
		text := l.SessionType + " of " + cmp.Or(l.UserName, "somebody")
		if l.ClientOriginIPAddress != "" {
			text += " from " + l.ClientOriginIPAddress
		}
		return clause(text)
	}
	return ""
}

// members reads a collection whole: in one question where the BMC can, else each
// member that bare says is only a link, the newest first. What it returns with
// an error is a part of it.
func members[T any](r *reader, at link, expand bool, bare func(T) link) ([]T, error) {
	if at.Path == "" {
		return nil, errors.New("the BMC links to no list")
	}
	query := ""
	if expand {
		query = "?$expand=.($levels=1)"
	}
	var list collection[T]
	if err := r.get(at.Path+query, &list); err != nil {
		return nil, err
	}
	if list.Members == nil {
		return nil, errors.New("the BMC's list is none")
	}
	var whole []T
	var links []link
	for _, m := range list.Members {
		if l := bare(m); l.Path != "" {
			links = append(links, l)
		} else {
			whole = append(whole, m)
		}
	}
	slices.SortStableFunc(links, func(a, b link) int { return cmp.Compare(numberOf(b), numberOf(a)) })
	for n, l := range links {
		if n == maxSingles {
			return whole, fmt.Errorf("the BMC lists %d of them, and only as links", len(links))
		}
		var m T
		if err := r.get(l.Path, &m); err != nil {
			return whole, err
		}
		whole = append(whole, m)
	}
	if int(list.Count.value) > len(list.Members) {
		return whole, errors.New("the BMC gives only a part of the list")
	}
	return whole, nil
}
