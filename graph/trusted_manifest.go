package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of all manifests together.
const (
	maxManifests     = 1000
	maxManifestBytes = 16 << 20
	maxDocuments     = 10_000
)

// Manifest is the documents that one client app asks, in the order of its file.
type Manifest struct {
	App       string // the file's name without .json
	Documents []ManifestDocument
}

// ManifestDocument is one document of a Manifest.
type ManifestDocument struct{ ID, Text string }

// manifestFile is a manifest as it lies in the directory.
type manifestFile struct {
	app, name string
	size      int64
	changed   time.Time
}

// listManifests lists the manifests of a directory by name. Files that begin with a dot or end otherwise than in .json are
// none; links are followed, because mounted configuration consists of them.
func listManifests(dir fs.FS) ([]manifestFile, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	var files []manifestFile
	var size int64
	for _, e := range entries {
		name := e.Name()
		app, ok := strings.CutSuffix(name, ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		info, err := fs.Stat(dir, name)
		if err != nil {
			return nil, fmt.Errorf("documents: %w", err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if !validApp(app) {
			return nil, fmt.Errorf("documents: %s: the name of an app is 1 to 64 letters, digits, dots, dashes and underscores", name)
		}
		files = append(files, manifestFile{app: app, name: path.Join(".", name), size: info.Size(), changed: info.ModTime()})
		size += info.Size()
	}
	switch {
	case len(files) == 0:
		return nil, errors.New("documents: the directory has no manifest <app>.json")
	case len(files) > maxManifests:
		return nil, fmt.Errorf("documents: %d manifests, at most %d", len(files), maxManifests)
	case size > maxManifestBytes:
		return nil, fmt.Errorf("documents: %d bytes of manifests, at most %d", size, maxManifestBytes)
	}
	return files, nil
}

func validApp(name string) bool {
	const most = 64
	if name == "" || len(name) > most {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// ReadManifests reads every manifest of a directory: <app>.json, in the form of Relay's persisted queries
// ({"<id>": "<text>"}) or of Apollo's operation manifests, version 1. An error names the file and the id.
func ReadManifests(dir fs.FS) ([]Manifest, error) {
	files, err := listManifests(dir)
	if err != nil {
		return nil, err
	}
	return readManifests(dir, files)
}

func readManifests(dir fs.FS, files []manifestFile) ([]Manifest, error) {
	texts := map[string]string{} // by id
	count, left := 0, int64(maxManifestBytes)
	manifests := make([]Manifest, len(files))
	for i, f := range files {
		data, err := readAtMost(dir, f.name, left)
		if err != nil {
			return nil, fmt.Errorf("documents: %s: %w", f.name, err)
		}
		left -= int64(len(data))
		m := Manifest{App: f.app}
		if m.Documents, err = parseManifest(data, maxDocuments-count); err != nil {
			return nil, fmt.Errorf("documents: %s: %w", f.name, err)
		}
		for _, d := range m.Documents {
			switch text, seen := texts[d.ID]; {
			case !validDocumentID(d.ID):
				return nil, fmt.Errorf("documents: %s: id %.128q is not 1 to 128 visible ASCII characters", f.name, d.ID)
			case seen && text != d.Text:
				return nil, fmt.Errorf("documents: %s: id %q stands for two texts", f.name, d.ID)
			}
			texts[d.ID] = d.Text
		}
		count += len(m.Documents)
		manifests[i] = m
	}
	return manifests, nil
}

var errManifestSize = fmt.Errorf("more than %d bytes of manifests", maxManifestBytes)

func readAtMost(dir fs.FS, name string, most int64) ([]byte, error) {
	file, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, errManifestSize
	}
	return data, nil
}

// parseManifest reads one file of either form; at most is a number of documents. Members are read one by one, because a
// decoder into a map would drop what is given twice.
func parseManifest(data []byte, most int) ([]ManifestDocument, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("the file is no JSON object")
	}
	var documents []ManifestDocument
	members := map[string]json.RawMessage{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("the file is no JSON: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("the file is no JSON: %w", err)
		}
		id, _ := key.(string)
		members[id] = value
		documents = append(documents, ManifestDocument{ID: id, Text: string(value)})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("the file is no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file is not one JSON object")
	}
	if operations, ok := members["operations"]; ok && bytes.HasPrefix(operations, []byte("[")) {
		return parseApollo(members, most)
	}
	if len(documents) > most {
		return nil, errTooManyDocuments
	}
	for i, d := range documents {
		text, err := textOf(json.RawMessage(d.Text))
		if err != nil {
			return nil, fmt.Errorf("id %.128q: %w", d.ID, err)
		}
		documents[i].Text = text
	}
	return documents, nil
}

var errTooManyDocuments = fmt.Errorf("more than %d documents in all manifests", maxDocuments)

func parseApollo(members map[string]json.RawMessage, most int) ([]ManifestDocument, error) {
	if format, err := textOf(members["format"]); err != nil || format != "apollo-persisted-query-manifest" {
		return nil, errors.New(`format is not "apollo-persisted-query-manifest"`)
	}
	if string(members["version"]) != "1" {
		return nil, errors.New("version is not 1")
	}
	var operations []struct {
		ID, Body string
	}
	if err := json.Unmarshal(members["operations"], &operations); err != nil {
		return nil, fmt.Errorf("operations: %w", err)
	}
	if len(operations) > most {
		return nil, errTooManyDocuments
	}
	documents := make([]ManifestDocument, len(operations))
	for i, o := range operations {
		if o.Body == "" {
			return nil, fmt.Errorf("id %.128q: it has no body", o.ID)
		}
		documents[i] = ManifestDocument{ID: o.ID, Text: o.Body}
	}
	return documents, nil
}

var errNoText = errors.New("it stands for no text")

func textOf(raw json.RawMessage) (text string, err error) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil || text == "" {
		return "", errNoText
	}
	return text, nil
}
