package rounds

// Lose makes w not know that an incident is its own, as when the store's answer
// is lost on its way.
func (w *Ward) Lose(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.mine, id)
}
