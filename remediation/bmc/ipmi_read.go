package bmc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// read asks for the chassis' flags and the log first, because they are short
// and say most about a machine that died; then walks through the sensors. Each
// of the three runs of ipmitool is a session of its own, one after the other: a
// login is a handful of packets and a walk hundreds, and so what was read stays read
// when a slow BMC uses up the time.
//
// ipmitool is not harmless: where the repository of sensor records is empty,
// "sdr" and "sel elist" erase it and write a new one (seen with 1.8.19). So the
// count of records is asked before, and the log is read without names.
func (s *ipmi) read(ctx context.Context) findings {
	var f findings
	out, err := s.batch(ctx, "chassis status", fmt.Sprintf("sel list last %d", maxLog), "sel time get", "sdr info")
	status := chassisStatus(out)
	if !status.told {
		f.gap("health and log", firstOf(err, errNotIPMI))
		return f
	}
	f.clock = parseSELTime(out)
	f.log, f.logRead = parseSEL(out), err == nil || strings.Contains(out, "Record Count")
	if !f.logRead {
		f.gap("log", err)
	}
	for _, fault := range status.faults {
		f.outOfRange(sensor{name: "chassis", reading: fault, health: healthCritical})
	}
	if !hasRecords(out) {
		f.gap("sensors", firstOf(err, errNoRecords))
		return f
	}
	out, err = s.batch(ctx, "sdr elist all")
	readings := parseSDR(out)
	if len(readings) == 0 {
		f.gap("sensors", firstOf(err, errNoRecords))
		return f
	}
	f.weigh(readings)
	name(f.log, readings)
	s.limits(ctx, &f)
	return f
}

var (
	errNotIPMI   = errors.New("the BMC's answer is not what ipmitool prints")
	errNoRecords = errors.New("the BMC keeps no records of its sensors")
)

func firstOf(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// weigh judges the readings. All in range is OK: IPMI has no word for health.
func (f *findings) weigh(readings []reading) {
	f.health = worse(f.health, healthOK)
	for _, r := range readings {
		if r.isSupply() && r.present() {
			f.psus++
			f.psuLost = f.psuLost || r.lost()
		}
		if health := r.health(); severities[health] > severities[healthOK] {
			f.outOfRange(sensor{name: r.name, reading: r.value, health: health})
		}
	}
}

// limits asks for the limits of the sensors that will be named.
func (s *ipmi) limits(ctx context.Context, f *findings) {
	var names []string
	for _, w := range f.worst() {
		if w.name != "chassis" && !strings.ContainsAny(w.name, `"'\`) {
			names = append(names, `"`+w.name+`"`)
		}
	}
	if len(names) == 0 {
		return
	}
	out, err := s.batch(ctx, "sensor get "+strings.Join(names, " "))
	if out == "" && err != nil {
		return // the readings are there, and that they are out of range
	}
	limits := parseLimits(out)
	for n, w := range f.sensors {
		f.sensors[n].limit = limits[w.name]
	}
}

// maxPrinted bounds what is kept of one run: 50 entries and 300 sensors are some 30 kB.
const maxPrinted = 256 << 10

// batch lets one run of ipmitool ask for several things in one session, and
// returns what it printed, also when it did not get to the end. What it asks
// must change nothing.
func (s *ipmi) batch(ctx context.Context, commands ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.tool,
		"-I", "lanplus", "-H", s.host, "-p", s.port, "-U", s.user, "-E", "-C", s.suite, "-N", "2", "-R", "3", "exec", "/dev/stdin")
	cmd.Env = []string{"IPMITOOL_PASSWORD=" + s.password.Reveal(), "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	cmd.WaitDelay = time.Second
	out, complaints := &limited{left: maxPrinted}, &limited{left: maxPrinted}
	cmd.Stdout, cmd.Stderr = out, complaints
	if err := cmd.Run(); err != nil {
		return out.String(), s.readTrouble(ctx, complaints.String())
	}
	return out.String(), nil
}

// limited keeps the beginning of what is written to it, and takes the rest.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.Buffer.Write(p[:n])
	return len(p), nil
}
