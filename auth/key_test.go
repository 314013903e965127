package auth_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/portico-retail/portico/auth"
)

func TestKeyIsKeptAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := auth.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := auth.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID != second.ID || first.Algorithm != "ES256" {
		t.Errorf("got %s (%s), then %s", first.ID, first.Algorithm, second.ID)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v; want the key file alone", entries, err)
	}
	if info, _ := entries[0].Info(); info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v", info.Mode())
	}
}

func TestProcessesThatStartTogetherShareOneKey(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			key, err := auth.LoadOrCreateKey(dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("got several keys: %v", ids)
		}
	}
}

func TestBrokenKeyFilesAreNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token-key.pem")
	for _, text := range []string{"", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.LoadOrCreateKey(dir); err == nil {
			t.Errorf("%q is a key", text)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, []byte(text)) {
			t.Errorf("%q was replaced", text)
		}
	}
}
