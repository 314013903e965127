package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// documentFlags say which documents are served to whom.
type documentFlags struct {
	Documents        string       `placeholder:"DIR" help:"Directory with the documents of each client app: <app>.json in the form of Relay or Apollo. Changes are served within seconds."`
	TrustedDocuments []classTrust `placeholder:"CLASS=MODE" help:"Which documents a class of callers, or all, may ask: off (any), log (any; those that are not in --documents are counted and logged) or enforce (those in --documents)."`
	APQ              string       `name:"apq" enum:"off,known,all" default:"off" help:"Who may register documents by hash, as Apollo's automatic persisted queries do: off, known (with a session) or all."`
}

// classTrust is a setting such as nobody=enforce.
type classTrust struct {
	class string
	trust graph.Trust
}

// UnmarshalText reads the setting.
func (c *classTrust) UnmarshalText(text []byte) error {
	class, trust, given := strings.Cut(string(text), "=")
	*c = classTrust{class: class, trust: graph.Trust(trust)}
	if !given || c.trust != graph.TrustOff && c.trust != graph.TrustLog && c.trust != graph.TrustEnforce {
		return fmt.Errorf("%q is no mode such as nobody=enforce", text)
	}
	return checkClass(class)
}

func (f documentFlags) options() graph.DocumentOptions {
	o := graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{}, Register: graph.Registration(f.APQ)}
	if f.Documents != "" {
		o.Manifests = os.DirFS(f.Documents)
	}
	for _, setting := range f.TrustedDocuments {
		for _, class := range auth.Classes() {
			if setting.class == everyClass || setting.class == string(class) {
				o.Trust[class] = setting.trust
			}
		}
	}
	return o
}
