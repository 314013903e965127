package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// envPrefix starts the variable of every flag: --redis-prefix is PORTICO_REDIS_PREFIX.
const envPrefix = "PORTICO_"

// settings answers for flags that were not given: from a variable, else from the config file.
type settings struct {
	env  map[string]string
	path string
	file map[string]any
}

var _ kong.Resolver = settings{}

// readSettings collects the variables and the config file that --config or PORTICO_CONFIG names.
func readSettings(args, env []string) (settings, error) {
	s := settings{env: map[string]string{}}
	for _, line := range env {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, envPrefix) {
			s.env[name] = value
		}
	}
	s.path = configPath(args)
	if s.path == "" {
		s.path = s.env[envPrefix+"CONFIG"]
	}
	if s.path == "" {
		return s, nil
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		return s, fmt.Errorf("config: %w", err)
	}
	if err := readYAML(text, &s.file); err != nil {
		return s, fmt.Errorf("config: %s: %w", s.path, err)
	}
	return s, nil
}

// configPath finds --config before the command line is parsed, because parsing needs the file.
func configPath(args []string) string {
	for i, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--config="); ok {
			return path
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// Validate refuses keys of the config file that no command knows.
func (s settings) Validate(app *kong.Application) error {
	known := []string{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	for key := range s.file {
		if !slices.Contains(known, key) {
			return fmt.Errorf("config: %s: there is no setting %q", s.path, key)
		}
	}
	return nil
}

// Resolve answers for one flag; nil leaves its default.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	if value, ok := s.env[name]; ok {
		return value, nil
	}
	switch value := s.file[flag.Name].(type) {
	case nil:
		return nil, nil //nolint:nilnil // kong's way to say that nothing is set
	case []any:
		parts := make([]string, len(value))
		for i, p := range value {
			parts[i] = fmt.Sprint(p)
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return nil, errors.New("config: " + flag.Name + " must be a value, not a section")
	default:
		return fmt.Sprint(value), nil
	}
}
