package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal"
	"github.com/bougou/go-ipmi/pkg/handlers"
	ipmiserver "github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/types"
)

// Where the one account and the LAN stand in a pretend IPMI controller.
const (
	ipmiUserID  = 2
	ipmiChannel = 1
)

// serveIPMI starts the controller of s as one that speaks IPMI 2.0 over LAN,
// with cipher suite 17 and nothing older.
func (d *Datacenter) serveIPMI(s *server) error {
	socket, held, err := listenBoth()
	if err != nil {
		return fmt.Errorf("listen for the BMC of %s: %w", s.Name, err)
	}
	s.bmcPort = port(socket.LocalAddr())
	c := &ipmi{lab: d, server: s}
	c.lan = &lan{UDPConn: socket, open: func() bool { return d.bmcAnswers(s) }}
	c.bmc = bmc.New(bmc.DeviceInfo{DeviceID: 32, IPMIVersion: 0x02, FirmwareMajor: 1, AdditionalDeviceSupport: 0x08},
		wireGUID(s.uuid), c, bmc.WithCipherSuites([]types.CipherSuiteID{types.CipherSuiteID17}), bmc.WithV15Disabled())
	user, err := c.bmc.Users.Add(ipmiUserID, bmcUser)
	if err != nil {
		_, _ = socket.Close(), held.Close() // nothing was said on them yet
		return fmt.Errorf("add the user of the BMC of %s: %w", s.Name, err)
	}
	user.Enabled = true
	user.ChannelAccess[ipmiChannel] = bmc.UserChannelAccess{MaxPrivilege: bmc.PrivilegeLevelAdministrator, Enabled: true}
	user.SetPassword([]byte(s.password))
	s.account = c
	registry := handlers.NewRegistry()
	handlers.RegisterAllHandlers(registry)
	registry.RegisterFunc(types.CommandGetSystemGUID, c.guid)
	registry.RegisterFunc(types.CommandGetDeviceGUID, c.guid)
	c.serveSEL(registry)
	c.serveSensors(registry)
	c.serveJobs(registry)
	listener := ipmiserver.NewServer(c.bmc, c.lan, ipmiserver.WithHandlerRegistry(registry))
	d.start(func() { _ = listener.Serve(context.Background()) }, func() { _, _ = listener.Close(), held.Close() }) // ends by Close, with nothing to say
	return nil
}

// ipmi is one server's management controller, as far as it speaks IPMI: the
// hardware that the protocol's library drives.
type ipmi struct {
	lab    *Datacenter
	server *server
	bmc    *bmc.BMC
	lan    *lan
}

// setPassword changes the account's password.
func (c *ipmi) setPassword(password string) {
	err := c.bmc.Users.Update(ipmiUserID, func(u *bmc.User) error {
		u.SetPassword([]byte(password))
		return nil
	})
	if err != nil {
		panic("lab: the IPMI account that was made at the start is gone: " + err.Error())
	}
}

// guid answers who the machine at the end of the cable is.
func (c *ipmi) guid(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
	id := wireGUID(c.lab.seen(c.server).uuid)
	return id[:], types.CodeOK, nil
}

func (c *ipmi) Chassis() hal.ChassisHAL { return ipmiChassis{c} }
func (c *ipmi) Storage() hal.StorageHAL { return ipmiStorage{c} }
func (c *ipmi) Sensors() hal.SensorHAL  { return nil }
func (c *ipmi) Network() hal.NetworkHAL { return nil }
func (c *ipmi) GPIO() hal.GPIOHAL       { return nil }
func (c *ipmi) I2C() hal.I2CHAL         { return nil }
func (c *ipmi) Console() hal.ConsoleHAL { return nil }
func (c *ipmi) Close() error            { return nil }

// ipmiChassis carries out the chassis commands.
type ipmiChassis struct{ *ipmi }

func (c ipmiChassis) PowerState(context.Context) (bool, error) {
	return c.lab.seen(c.server).power != powerOff, nil
}

func (c ipmiChassis) SetPower(_ context.Context, on bool) error {
	if on {
		return c.power("chassis power on", "On")
	}
	return c.power("chassis power off", "ForceOff")
}

func (c ipmiChassis) PowerCycle(context.Context) error {
	return c.power("chassis power cycle", "PowerCycle")
}
func (c ipmiChassis) ColdReset(context.Context) error {
	return c.power("chassis power reset", "ForceRestart")
}

// WarmReset is what the library calls for a soft shutdown (Chassis Control 5).
func (c ipmiChassis) WarmReset(context.Context) error {
	return c.power("chassis power soft", "GracefulShutdown")
}

// power sends one command to the machine. D5h is IPMI's "not supported in
// present state" (table 5-2).
func (c ipmiChassis) power(what, verb string) error {
	answered, err := c.lab.power(c.server, "ipmi", what, verb)
	if !answered {
		c.lan.swallow()
	}
	if errors.Is(err, errPresentState) {
		return types.CodeNotSupported
	}
	return err
}

func (ipmiChassis) Identify(context.Context, uint8) error { return nil }

func (ipmiChassis) IntrusionState(context.Context) (bool, error) { return false, hal.ErrNotSupported }

// bootSelectors are the devices of the boot flags that the lab knows, by Redfish's
// words.
var bootSelectors = map[types.BootDeviceSelector]string{0: "None", 1: "Pxe", 2: "Hdd", 5: "Cd", 6: "BiosSetup"}

func (c ipmiChassis) SetBootFlags(_ context.Context, f *types.BootOptionParam_BootFlags) error {
	target, ok := bootSelectors[f.BootDeviceSelector]
	if !ok {
		return types.CodeNotSupported
	}
	o := override{"Once", target}
	switch {
	case !f.BootFlagsValid:
		o = noOverride
	case f.Persist:
		o.enabled = "Continuous"
	}
	if !c.lab.setOverride(c.server, "ipmi", o) {
		c.lan.swallow()
	}
	return nil
}

func (c ipmiChassis) GetBootFlags(context.Context) (*types.BootOptionParam_BootFlags, error) {
	o, _ := c.lab.held(c.server)
	flags := &types.BootOptionParam_BootFlags{BootFlagsValid: o.enabled != "Disabled", Persist: o.enabled == "Continuous"}
	for selector, target := range bootSelectors {
		if target == o.target {
			flags.BootDeviceSelector = selector
		}
	}
	return flags, nil
}

func (ipmiChassis) SetBootInfoAcknowledge(context.Context, *types.BootOptionParam_BootInfoAcknowledge) error {
	return hal.ErrNotSupported
}

func (ipmiChassis) GetBootInfoAcknowledge(context.Context) (*types.BootOptionParam_BootInfoAcknowledge, error) {
	return nil, hal.ErrNotSupported
}
