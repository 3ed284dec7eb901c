package remediation

import (
	"context"

	"github.com/spinware/piket/internal/incident"
)

// CarryOut is carryOut of an intent that is not late.
func (e *Engine) CarryOut(ctx context.Context, f Facts, intent incident.Intended) incident.Payload {
	return e.carryOut(ctx, f, intent, func() bool { return false })
}
