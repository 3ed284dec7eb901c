package bmc_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	ipmi "github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/types"
)

// ipmiBMC is a management controller on loopback that speaks IPMI 2.0, and
// counts every chassis control command that it carries out.
type ipmiBMC struct {
	port    int
	guid    [16]byte // on the wire
	mu      sync.Mutex
	on      bool
	sends   []uint8              // chassis control actions, in order of arrival
	erased  int                  // orders to erase the sensor records
	code    types.CompletionCode // answered to chassis control instead of acting
	hold    chan struct{}        // chassis control waits for it before it answers
	arrived func()               // called when a chassis control command has arrived
}

// Chassis control actions of the IPMI specification, table 28-4.
const (
	actionOff   = 0x00
	actionOn    = 0x01
	actionCycle = 0x02
	actionSoft  = 0x05
)

// startIPMI runs a BMC for the machine with the given FRU serial.
func startIPMI(t *testing.T, serial string) *ipmiBMC {
	t.Helper()
	b := &ipmiBMC{on: true, guid: ipmiGUID}
	fru, err := types.PackFRU(types.FRUPackConfig{
		Board:   &types.FRUPackBoard{Mfg: "Example", Product: "Board", Serial: "BOARD-" + serial},
		Product: &types.FRUPackProduct{Manufacturer: "Example", Name: "Server", Serial: serial},
	})
	if err != nil {
		t.Fatal(err)
	}
	hardware := mock.New()
	if err := hardware.Storage().FRU().Write(t.Context(), 0, fru); err != nil {
		t.Fatal(err)
	}
	controller := ipmi.New(ipmi.DeviceInfo{IPMIVersion: 0x20}, b.guid, hardware)
	addUser(t, controller)
	b.port = serve(t, controller, b.registry())
	return b
}

func addUser(t *testing.T, controller *ipmi.BMC) {
	t.Helper()
	user, err := controller.Users.Add(2, username)
	if err != nil {
		t.Fatal(err)
	}
	user.SetPassword([]byte(password))
	user.Enabled = true
	user.ChannelAccess[1] = ipmi.UserChannelAccess{MaxPrivilege: ipmi.PrivilegeLevelAdministrator, Enabled: true}
}

func serve(t *testing.T, controller *ipmi.BMC, registry *handlers.Registry) int {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	srv := server.NewServer(controller, conn, server.WithHandlerRegistry(registry))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(context.Background())
	}()
	t.Cleanup(func() { _ = srv.Close(); _ = conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// registry answers the library's commands, with power and identity of our own.
func (b *ipmiBMC) registry() *handlers.Registry {
	reg := handlers.NewRegistry()
	handlers.RegisterAllHandlers(reg)
	reg.RegisterFunc(types.CommandGetSystemGUID, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Clone(b.guid[:]), types.CodeOK, nil
	})
	reg.RegisterFunc(types.CommandGetChassisStatus, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.on {
			return []byte{1, 0, 0, 0}, types.CodeOK, nil
		}
		return []byte{0, 0, 0, 0}, types.CodeOK, nil
	})
	reg.RegisterFunc(types.CommandChassisControl, func(_ context.Context, _ *handlers.HandlerContext, data []byte) ([]byte, types.CompletionCode, error) {
		return nil, b.control(data[0]), nil
	})
	reg.RegisterFunc(types.CommandClearSDRRepo, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		b.set(func(b *ipmiBMC) { b.erased++ })
		return []byte{1}, types.CodeOK, nil
	})
	return reg
}

func (b *ipmiBMC) control(action uint8) types.CompletionCode {
	b.mu.Lock()
	b.sends = append(b.sends, action)
	arrived, hold := b.arrived, b.hold
	b.mu.Unlock()
	if arrived != nil {
		arrived()
	}
	if hold != nil {
		<-hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.code != types.CodeOK {
		return b.code
	}
	switch action {
	case actionOff, actionSoft:
		b.on = false
	case actionOn, actionCycle:
		b.on = true
	}
	return types.CodeOK
}

// set changes the BMC while it serves.
func (b *ipmiBMC) set(change func(*ipmiBMC)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *ipmiBMC) received() []uint8 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]uint8(nil), b.sends...)
}
