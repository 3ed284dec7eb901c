package bmc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// completionCode finds what ipmitool prints when a BMC answers a command with
// anything but success.
var completionCode = regexp.MustCompile(`(?:Set Chassis Power Control to \S+ failed|Unable to send RAW command \([^)]*rsp=0x[0-9a-f]+\)): ([^\n:]+)`)

// refusals are the completion codes (IPMI 2.0, table 5-2) which say that the
// command was not begun, in ipmitool's words. The others, such as "Timeout",
// "Unspecified error" and "Command response could not be provided", leave open
// what the machine did.
var refusals = []string{
	"Node busy",
	"Invalid command",
	"Invalid command on LUN",
	"Request data length invalid",
	"Parameter out of range",
	"Invalid data field in request",
	"BMC initialization in progress",
	"Insufficient privilege level",
	"Command not supported in present state",
}

// ipmiAnswer judges a command that was let through by what ipmitool printed.
// bmclib reports an error whenever any warning precedes the good line, so its
// own view does not count.
func ipmiAnswer(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	printed := err.Error()
	code := completionCode.FindStringSubmatch(printed)
	switch {
	case strings.Contains(printed, "Chassis Power Control: "):
		return nil
	case strings.Contains(printed, "Unable to establish"):
		return declined{"no IPMI session could be opened for the command, so it was not sent"}
	case code != nil && slices.Contains(refusals, strings.TrimSpace(code[1])):
		return declined{fmt.Sprintf("the BMC refused the command (%s)", strings.TrimSpace(code[1]))}
	case code != nil:
		return fmt.Errorf("the BMC answered %q, which says neither yes nor no", clause(code[1]))
	case ctx.Err() != nil:
		return errors.New("the BMC did not answer the command in time")
	}
	return errors.New("the BMC did not answer the command")
}
