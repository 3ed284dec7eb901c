package main

import (
	"context"
	"encoding/json"
)

// measured has a world measured, prints what came of it, for people or as one
// line of JSON, and closes the world.
func measured[R interface{ print(console) error }](ctx context.Context, io console, w *benchWorld, measure func(context.Context, *benchWorld) (R, error)) error {
	defer w.close()
	r, err := measure(ctx, w)
	if err != nil {
		return err
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(r)
	}
	return r.print(io)
}
