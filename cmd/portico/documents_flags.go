package main

import (
	"os"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// documentFlags say which documents are served to whom.
type documentFlags struct {
	Documents        string            `placeholder:"DIR" help:"Directory with the documents of each client app: <app>.json in the form of Relay or Apollo. Changes are served within seconds."`
	TrustedDocuments map[string]string `mapsep:"," placeholder:"CLASS=MODE" help:"Which documents a class of callers may ask: off (any), log (any, others than those of --documents are logged) or enforce (those only), for nobody, guest, member, associate, partner, operator."`
	APQ              string            `name:"apq" enum:"off,known,all" default:"off" help:"Who may register documents by hash, as Apollo's automatic persisted queries do: off, known (with a session) or all."`
}

func (f documentFlags) options() graph.DocumentOptions {
	o := graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{}, Register: graph.Registration(f.APQ)}
	if f.Documents != "" {
		o.Manifests = os.DirFS(f.Documents)
	}
	for class, trust := range f.TrustedDocuments {
		o.Trust[auth.Class(class)] = graph.Trust(trust)
	}
	return o
}
