package store

import "errors"

var errNoPostgres = errors.New("PostgreSQL is not supported yet")

func (s *Store) openPostgres(string) error   { return errNoPostgres }
func (s *Store) lookAtPostgres(string) error { return errNoPostgres }
