package graph

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/text/language"

	"github.com/portico-retail/portico/retail"
)

// Headers that stand in for the arguments of @inContext.
const (
	headerLocation = "X-Location-Id"
	headerChannel  = "X-Channel"
)

// shoppingContext reads the context of an operation: each argument of @inContext, else its header, else the default, which is the
// first channel of the caller's reach. A channel beyond that reach is refused like one that does not exist.
func shoppingContext(
	ctx context.Context, op *ast.OperationDefinition, variables map[string]any, h http.Header,
) (retail.Context, *refusal) {
	sc, reach := retail.DefaultContext, retail.ReachOf(ctx)
	if reach != nil && len(reach.Channels) > 0 {
		sc.Channel = reach.Channels[0]
	}
	location, channel := h.Get(headerLocation), strings.ToUpper(h.Get(headerChannel))
	if lang, ok := acceptedLanguage(h.Get("Accept-Language")); ok {
		sc.Language = lang
	}
	if d := op.Directives.ForName("inContext"); d != nil {
		for _, arg := range d.Arguments {
			v, err := arg.Value.Value(variables)
			if err != nil || v == nil {
				continue
			}
			text, _ := stringOf(v)
			switch arg.Name {
			case "locationId":
				location = text
			case "channel":
				channel = text
			case "language":
				sc.Language = retail.Language(text) // validation let only the enum's values pass
			}
		}
	}
	if channel != "" {
		sc.Channel = retail.Channel(channel)
	}
	var ok bool
	if sc.LocationCode, ok = locationCode(location); !ok {
		return sc, badContext("locationId must be the id or the code of a location")
	}
	if !sc.Channel.Valid() || !reach.Channel(sc.Channel) {
		return sc, badContext("channel must be " + channelsOf(reach))
	}
	return sc, nil
}

// channelsOf lists the channels within reach in a sentence.
func channelsOf(reach *retail.Reach) string {
	if reach == nil || len(reach.Channels) == 0 {
		return "APP, MINI_PROGRAM, WEB, POS or PARTNER"
	}
	names := make([]string, len(reach.Channels))
	for i, c := range reach.Channels {
		names[i] = string(c)
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func badContext(message string) *refusal {
	return refuse(http.StatusBadRequest, newError(retail.CodeBadInput, "context: "+message))
}

// stringOf reads an ID, which may be written as a number.
func stringOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case interface{ String() string }: // json.Number
		return v.String(), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

// locationCode reads a global id or a plain code; no location is fine too.
func locationCode(id string) (string, bool) {
	if id == "" {
		return "", true
	}
	kind, key, isGlobal := retail.ParseGlobalID(id)
	switch {
	case isGlobal && kind != retail.KindLocation:
		return "", false
	case isGlobal:
		id = key
	}
	return id, retail.ValidLocationCode(id)
}

var (
	languages       = [...]retail.Language{retail.LanguageChinese, retail.LanguageEnglish}
	languageMatcher = language.NewMatcher([]language.Tag{language.Chinese, language.English})
)

// acceptedLanguage picks the catalog's language that an Accept-Language header wants most. Browsers send the header on
// their own, so one that makes no sense is ignored rather than refused.
func acceptedLanguage(header string) (retail.Language, bool) {
	switch header {
	case "":
		return "", false
	case "zh-CN", "zh":
		return retail.LanguageChinese, true
	case "en", "en-US":
		return retail.LanguageEnglish, true
	}
	if len(header) > 200 {
		return "", false
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return "", false
	}
	_, i, confidence := languageMatcher.Match(tags...)
	return languages[i], confidence != language.No
}
