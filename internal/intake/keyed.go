package intake

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// keyed is a lock for each name that somebody holds or waits for. The zero keyed
// is ready.
type keyed struct {
	mu   sync.Mutex
	held map[string]*holding
}

type holding struct {
	taken chan struct{} // room for the one who holds it
	users int           // who hold it or wait for it
}

// lock locks all names, each once, and returns how to let them go. Everybody
// takes them in the same order, so that no two wait for each other. It holds
// none when ctx ends before it has them all.
func (k *keyed) lock(ctx context.Context, names []string) (unlock func(), err error) {
	slices.Sort(names)
	names = slices.Compact(names)
	holdings, held := k.join(names), 0
	unlock = func() {
		for _, h := range holdings[:held] {
			<-h.taken
		}
		k.leave(names)
	}
	for _, h := range holdings {
		select {
		case h.taken <- struct{}{}:
			held++
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("wait for another batch about the same: %w", ctx.Err())
		}
	}
	return unlock, nil
}

func (k *keyed) join(names []string) []*holding {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		k.held = map[string]*holding{}
	}
	list := make([]*holding, len(names))
	for n, name := range names {
		if k.held[name] == nil {
			k.held[name] = &holding{taken: make(chan struct{}, 1)}
		}
		list[n] = k.held[name]
		list[n].users++
	}
	return list
}

func (k *keyed) leave(names []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range names {
		if k.held[name].users--; k.held[name].users == 0 {
			delete(k.held, name)
		}
	}
}
