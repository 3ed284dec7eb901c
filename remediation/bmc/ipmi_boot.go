package bmc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// starts asks for the boot flags. A BMC that refuses does not say, which is no
// trouble; one that does not answer is.
func (s *ipmi) starts(ctx context.Context) (told, error) {
	out, err := s.run(ctx, "raw", "0x00", "0x09", "0x05", "0x00", "0x00")
	if err != nil && ctx.Err() != nil {
		return told{}, err
	}
	if err != nil {
		return told{}, nil
	}
	return parseBootFlags(out), nil
}

// setBoot sends the boot flags as the one message that sets them. "chassis bootdev",
// which is what bmclib sends, is four messages in a row, of which any can be lost.
// The flags ask for UEFI: a machine that knows only the old way ignores the bit or
// starts from its disk, and so is not wiped.
//
// A BMC may forget the flags a minute after it took them (IPMI 2.0, 28.12, parameter
// 3); the restart is then refused, because it no longer says what was set.
func (s *ipmi) setBoot(ctx context.Context, c *change, device string) error {
	flags, ok := map[string][2]string{"pxe": {"0xa0", "0x04"}, "cdrom": {"0xa0", "0x14"}, incident.BootNone: {"0x00", "0x00"}}[device]
	if !ok {
		return fmt.Errorf("IPMI knows no boot device %q", device)
	}
	return s.change(ctx, c, func() error {
		return s.write(ctx, "raw", "0x00", "0x08", "0x05", flags[0], flags[1], "0x00", "0x00", "0x00")
	})
}

// write starts ipmitool through the launcher, which asks first and has it send once.
func (s *ipmi) write(ctx context.Context, command ...string) error {
	args := append([]string{"-I", "lanplus", "-H", s.host, "-p", s.port, "-U", s.user, "-E", "-C", s.suite, "-N", "5"}, command...)
	cmd := exec.CommandContext(ctx, s.launcher.path, args...)
	cmd.Env = []string{"IPMITOOL_PASSWORD=" + s.password.Reveal()}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return errors.New(strings.TrimSpace(out.String()) + " (" + err.Error() + ")")
	}
	return nil
}
