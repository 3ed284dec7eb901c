package lab

import (
	"context"

	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/types"
)

// upgradeStatus is Get Upgrade Status (PICMG HPM.1, table 3-7), a command of the
// group extension.
var upgradeStatus = types.Command{ID: 0x34, NetFn: 0x2c, Name: "Get Upgrade Status"}

// serveJobs answers whether firmware is being written and a serial console open.
func (c *ipmi) serveJobs(r *handlers.Registry) {
	const picmg, upload, atWork = 0x00, 0x32, 0x80
	r.RegisterFunc(upgradeStatus, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		if c.lab.seen(c.server).working {
			return []byte{picmg, upload, atWork}, types.CodeOK, nil
		}
		return []byte{picmg, 0, 0}, types.CodeOK, nil
	})
	r.RegisterFunc(types.CommandGetPayloadActivationStatus, func(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
		const capacity = 1
		if c.lab.seen(c.server).console {
			return []byte{capacity, 1, 0}, types.CodeOK, nil
		}
		return []byte{capacity, 0, 0}, types.CodeOK, nil
	})
}
