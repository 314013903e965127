package graph

import (
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

// shoppingContext reads the context of an operation: each argument of @inContext, else its header, else the default.
func shoppingContext(op *ast.OperationDefinition, variables map[string]any, h http.Header) (retail.Context, *refusal) {
	sc := retail.DefaultContext
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
	if !sc.Channel.Valid() {
		return sc, badContext("channel must be APP, MINI_PROGRAM, WEB, POS or PARTNER")
	}
	return sc, nil
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
