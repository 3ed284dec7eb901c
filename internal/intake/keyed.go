package intake

import (
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
	sync.Mutex
	users int // who hold it or wait for it
}

// lock locks all names, each once, and returns how to let them go. Everybody
// takes them in the same order, so that no two wait for each other.
func (k *keyed) lock(names []string) (unlock func()) {
	slices.Sort(names)
	names = slices.Compact(names)
	holdings := k.join(names)
	for _, h := range holdings {
		h.Lock()
	}
	return func() {
		for _, h := range holdings {
			h.Unlock()
		}
		k.leave(names)
	}
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
			k.held[name] = &holding{}
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
