// Package ssh runs one command on a server over SSH, or reads which boot it runs
// in and who is logged in. Who answers is proven by its host key, which the
// inventory pins; there is no first use, no known_hosts file and no agent.
//
//	actions := map[string]remediation.Action{"ssh": ssh.Run}
//	kinds["boot"] = ssh.Boot
package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// commandLimit bounds a command when the caller's context does not.
const commandLimit = 5 * time.Minute

// Run carries out an order's command. An error before the command is handed
// over is Refused. A command that ran to its end is Done whatever its exit
// status, which the detail tells: what it did to the machine is for the
// verification to judge. No exit status, which is what a reboot looks like, is
// Unknown. It returns soon after ctx ends; the command on the other side may
// live on.
func Run(ctx context.Context, o remediation.Order) remediation.Result {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	command, err := commandLine(o.Intent.Command)
	if err != nil {
		return refused(err)
	}
	if o.Last == nil {
		return refused(errors.New("the order carries no last check, and without one nothing is sent"))
	}
	client, err := dial(ctx, o.Server)
	if err != nil {
		return refused(err)
	}
	defer func() { _ = client.Close() }()
	return execute(ctx, client, command, o.Last)
}

// execute hands command over, once, after the last question.
func execute(ctx context.Context, client *ssh.Client, command string, last func() error) remediation.Result {
	// Only closing the connection unblocks a session (x/crypto/ssh has no
	// contexts), and it must also end a wait for the session itself.
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	session, err := client.NewSession()
	if err != nil {
		return refused(errors.New("the server opens no session for a command"))
	}
	defer func() { _ = session.Close() }()
	var out, errs output
	session.Stdout, session.Stderr = &out, &errs
	if err := last(); err != nil {
		return refused(err)
	}
	failpoint.Reach(failpoint.SSHBeforeSend)
	if err := session.Start(command); err != nil && err.Error() == fmt.Sprintf("ssh: command %v failed", command) {
		// The server answered "no" to the request; x/crypto/ssh has no value for it.
		return refused(errors.New("the server does not run commands for this account"))
	} else if err != nil {
		return judge(ctx, err, "")
	}
	failpoint.Reach(failpoint.SSHSent)
	if err := session.Wait(); err != nil {
		return judge(ctx, err, cmp.Or(errs.tail(), out.tail()))
	}
	return judge(ctx, nil, cmp.Or(out.tail(), errs.tail()))
}

// judge says what is known of a command that was handed over.
func judge(ctx context.Context, err error, tail string) remediation.Result {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: detail("exit status 0", tail)}
	case errors.As(err, &exit) && exit.Signal() != "":
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: detail("ended by signal "+remediation.Clause(exit.Signal(), maxTail), tail)}
	case errors.As(err, &exit):
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: detail(fmt.Sprintf("exit status %d", exit.ExitStatus()), tail)}
	case ctx.Err() != nil:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: detail("no exit status in time", tail)}
	}
	return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: detail("the connection broke off before the command gave an exit status", tail)}
}

func refused(err error) remediation.Result {
	return remediation.Result{Outcome: incident.OutcomeRefused, Detail: remediation.Clause(err.Error(), maxReason)}
}
