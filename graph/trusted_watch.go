package graph

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// library keeps the documents of the manifests. Readers see one whole set or the next one.
type library struct {
	dir     fs.FS // nil when there are no manifests
	current atomic.Pointer[trustedSet]

	mu   sync.Mutex // held while the manifests are read
	seen []manifestFile
	// broken is what is wrong with the files that were seen last; nil when nothing is.
	broken error
}

// settled is how long a file must have been left alone before an unchanged size and date prove it unchanged: dates are coarse.
const settled = 5 * time.Second

// changed reports whether the files are others than those that were read last.
func (l *library) changed(files []manifestFile, now time.Time) bool {
	fresh := func(f manifestFile) bool { return now.Sub(f.changed) < settled }
	same := func(a, b manifestFile) bool {
		return a.name == b.name && a.size == b.size && a.changed.Equal(b.changed)
	}
	return !slices.EqualFunc(files, l.seen, same) || slices.ContainsFunc(files, fresh)
}

// readTrusted reads and compiles the manifests and, when all is sound, serves them from then on. It reports whether that
// changed anything. Files that have not changed are not read again, whether they were sound or not.
func (d *documents) readTrusted(ctx context.Context) (changed bool, err error) {
	l := &d.library
	if l.dir == nil {
		return false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	files, err := listManifests(l.dir)
	if err != nil {
		return false, err
	}
	if !l.changed(files, d.now()) {
		return false, l.broken
	}
	manifests, err := readManifests(l.dir, files)
	var set *trustedSet
	if err == nil {
		set, err = d.compileSet(ctx, manifests)
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	l.seen, l.broken = files, err
	if err != nil || set.equal(l.current.Load()) {
		return false, err
	}
	l.current.Store(set)
	return true, nil
}

// equal reports whether two sets serve the same documents to the same apps.
func (s *trustedSet) equal(o *trustedSet) bool {
	return o != nil && maps.EqualFunc(s.ids, o.ids, func(a, b *trusted) bool {
		return a.text == b.text && slices.Equal(a.apps, b.apps)
	})
}

// compileSet compiles every document of the manifests; those that are served already are taken over. An error names the
// app and the id.
func (d *documents) compileSet(ctx context.Context, manifests []Manifest) (*trustedSet, error) {
	set := &trustedSet{ids: map[string]*trusted{}, hashes: map[string]*trusted{}, texts: map[string]*trusted{}}
	before := d.library.current.Load()
	for _, m := range manifests {
		for _, entry := range m.Documents {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			t := set.texts[entry.Text]
			if t == nil {
				doc, no := d.compileTrusted(entry.Text, before)
				if no != nil {
					return nil, fmt.Errorf("documents: %s.json: id %q: %s", m.App, entry.ID, no.detail())
				}
				t = &trusted{id: entry.ID, text: entry.Text, doc: doc}
				set.texts[entry.Text], set.hashes[hashOf(entry.Text)] = t, t
			}
			if !slices.Contains(t.apps, m.App) {
				t.apps = append(t.apps, m.App)
			}
			set.ids[entry.ID] = t
		}
	}
	return set, nil
}

func (d *documents) compileTrusted(text string, before *trustedSet) (*document, *refusal) {
	if before != nil {
		if t := before.texts[text]; t != nil {
			return t.doc, nil
		}
	}
	return d.compile(text)
}

// detail is what a refusal says, with the places, for those who run the gateway.
func (r *refusal) detail() string {
	parts := make([]string, len(r.errs))
	for i, e := range r.errs {
		parts[i] = e.Message
		for _, at := range e.Locations {
			parts[i] += fmt.Sprintf(" (line %d, column %d)", at.Line, at.Column)
		}
	}
	return strings.Join(parts, "; ")
}

// WatchDocuments reads the manifests again at every tick on which they have changed, until ctx ends or ticks is closed.
// Changed manifests are read, compiled and then served from one request to the next. If one is broken the documents that
// are served stay, and one line of the log says why.
func (h *Handler) WatchDocuments(ctx context.Context, ticks <-chan time.Time) {
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case _, more := <-ticks:
			if !more {
				return
			}
		}
		changed, err := h.documents.readTrusted(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != said:
			said = err.Error()
			h.errors.log.LogAttrs(ctx, slog.LevelError, "trusted documents not read, those before stay", slog.Any("error", err))
		case err == nil && (changed || said != ""):
			said = ""
			h.errors.log.LogAttrs(ctx, slog.LevelInfo, "trusted documents read", slog.Int("documents", h.documents.library.count()))
		}
	}
}

// count is the number of trusted documents that are served.
func (l *library) count() int {
	if s := l.current.Load(); s != nil {
		return len(s.ids)
	}
	return 0
}
