package ordering

import "context"

// ReadTasks and Sweep are one turn of the loops of Run.
func (s *Service) ReadTasks(ctx context.Context) error { return s.readTasks(ctx) }
func (s *Service) Sweep(ctx context.Context) error     { return s.sweep(ctx) }
