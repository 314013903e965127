package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// sound keeps every rule; each case below breaks one of them.
const sound = `
"Open." directive @public on FIELD_DEFINITION
"Guarded." directive @hasScope("The scope." scope: String!) on FIELD_DEFINITION
"How long." directive @listSize("Assumed." assumedSize: Int "By, 10 at most." slicingArguments: [String!] "Of, 10 at most." sizedFields: [String!]) on FIELD_DEFINITION
"A day." scalar Day @specifiedBy(url: "https://example.com/day")
"Level." enum StockLevel { "Silent." UNKNOWN }
"Coverage." enum Coverage { "Silent." UNKNOWN }
"Agreement." enum PriceAgreement { "Silent." UNKNOWN }
"Count." type Count { "The number." value: Int! }
"Page." type PageInfo { "More." hasNextPage: Boolean! }
"A shop." type Shop { "Days open, 7 at most." days: [Day!]! }
"A shop on a page." type ShopEdge { "Cursor." cursor: String! "The shop." node: Shop! }
"A page." type ShopConnection {
  "Edges." edges: [ShopEdge!]!
  "Nodes." nodes: [Shop!]!
  "Where." pageInfo: PageInfo!
  "All." totalCount: Count!
}
"What to do." input OpenInput { "Days, 1 to 7." days: [Day!]! }
"A refusal." type UserError { "Why." code: StockLevel! }
"What came of it." type OpenPayload { "Refusals, 20 at most." userErrors: [UserError!]! @listSize(assumedSize: 5) }
type Query {
  "Shops." shops("Size." first: Int = 20 "From." after: String "Levels." levels: [StockLevel!]): ShopConnection! @public
    @listSize(slicingArguments: ["first"], sizedFields: ["edges", "nodes"])
}
type Mutation { "Opens." shopOpen("What." input: OpenInput!, "Key." idempotencyKey: String!): OpenPayload! @hasScope(scope: "X") }
`

var broken = map[string]struct{ old, new, rule, breach string }{
	"a type without a description": {
		`"A shop." type Shop`, `type Shop`, "everything is described", "Shop has no description",
	},
	"a blank description": {
		`"More."`, `" "`, "everything is described", "PageInfo.hasNextPage has no description",
	},
	"a field without a description": {
		`"Cursor." cursor`, `cursor`, "everything is described", "ShopEdge.cursor has no description",
	},
	"an argument without a description": {
		`"Size." first`, `first`, "everything is described", "argument Query.shops(first:) has no description",
	},
	"an input field without a description": {
		`"Days, 1 to 7."`, ``, "everything is described", "OpenInput.days has no description",
	},
	"an enum value without a description": {
		`enum Coverage { "Silent." UNKNOWN }`, `enum Coverage { UNKNOWN }`, "everything is described", "Coverage.UNKNOWN has no description",
	},
	"a scalar without a description": {
		`"A day." scalar`, `scalar`, "everything is described", "Day has no description",
	},
	"a directive without a description": {
		`"Open." directive`, `directive`, "everything is described", "@public has no description",
	},
	"a directive's argument without a description": {
		`"The scope." scope`, `scope`, "everything is described", "argument @hasScope(scope:) has no description",
	},
	"a query open to nobody": {
		`ShopConnection! @public`, `ShopConnection!`, "every root field declares its access once",
		"Query.shops has 0 of @public, @hasScope and @hasRole, want one",
	},
	"a query open and guarded": {
		`ShopConnection! @public`, `ShopConnection! @public @hasScope(scope: "X")`, "every root field declares its access once",
		"Query.shops has 2 of @public, @hasScope and @hasRole, want one",
	},
	"a mutation open to nobody": {
		` @hasScope(scope: "X")`, ``, "every root field declares its access once",
		"Mutation.shopOpen has 0 of @public, @hasScope and @hasRole, want one",
	},
	"a list without a cap": {
		`"Days open, 7 at most."`, `"Days open."`, "every list is a page or has a stated cap", "Shop.days is a list without a stated cap",
	},
	"a list inside a list without a cap": {
		`"Days open, 7 at most." days: [Day!]!`, `"Days open." days: [[Day!]!]!`,
		"every list is a page or has a stated cap", "Shop.days is a list without a stated cap",
	},
	"an input list without a cap": {
		`"Days, 1 to 7."`, `"Days."`, "every list is a page or has a stated cap", "OpenInput.days is a list without a stated cap",
	},
	"an argument that is a list without a cap": {
		`levels: [StockLevel!]`, `levels: [Int!]`, "every list is a page or has a stated cap",
		"Query.shops(levels:) is a list without a stated cap",
	},
	"a list of a connection that is no page": {
		`"Where." pageInfo`, `"Days." days: [Day!]! "Where." pageInfo`, "every list is a page or has a stated cap",
		"ShopConnection.days is a list without a stated cap",
	},
	"a scalar that nobody specified": {
		` @specifiedBy(url: "https://example.com/day")`, ``, "every custom scalar says where it is specified",
		"scalar Day has no @specifiedBy",
	},
	"a page size without a default": {
		`first: Int = 20`, `first: Int!`, "every page size has a default", "Query.shops(first:) has no default",
	},
	"an enum that cannot say that nobody knows": {
		`enum Coverage { "Silent." UNKNOWN }`, `enum Coverage { "All." FULL }`, "what a silent backend leaves open has UNKNOWN",
		"enum Coverage has no UNKNOWN",
	},
	"an enum that went": {
		`enum PriceAgreement`, `enum Agreement`, "what a silent backend leaves open has UNKNOWN", "enum PriceAgreement is gone",
	},
	"a type in camel case": {
		`"Count." type Count`, `"Another." type other { "A." a: Int } "Count." type Count`,
		"names are Pascal for types, camel for fields, upper for enum values", "other is not named like the others",
	},
	"a field in snake case": {
		`hasNextPage`, `has_next_page`, "names are Pascal for types, camel for fields, upper for enum values",
		"PageInfo.has_next_page is not named like the others",
	},
	"an initialism in capitals": {
		`hasNextPage`, `nextPageURL`, "names are Pascal for types, camel for fields, upper for enum values",
		"PageInfo.nextPageURL is not named like the others",
	},
	"an argument in Pascal case": {
		`levels:`, `Levels:`, "names are Pascal for types, camel for fields, upper for enum values",
		"Query.shops(Levels:) is not named like the others",
	},
	"an enum value in lower case": {
		`enum Coverage { "Silent." UNKNOWN }`, `enum Coverage { "Silent." UNKNOWN "All." full }`,
		"names are Pascal for types, camel for fields, upper for enum values", "Coverage.full is not named like the others",
	},
	"an input that is not called one": {
		`"A refusal."`, `"More." input Opening { "A." a: Int } "A refusal."`,
		"names are Pascal for types, camel for fields, upper for enum values",
		"Opening: inputs, and nothing else, end in Input or Filter",
	},
	"a list of objects of any length": {
		`userErrors: [UserError!]! @listSize(assumedSize: 5)`, `userErrors: [UserError!]!`,
		"every list of objects tells its cost how long it gets", "OpenPayload.userErrors is a list of objects and has no @listSize",
	},
	"a page that does not size its list": {
		`sizedFields: ["edges", "nodes"]`, `sizedFields: ["edges"]`,
		"every list of objects tells its cost how long it gets", "ShopConnection.nodes is a list of objects and has no @listSize",
	},
	"a size that nothing tells when the argument is absent": {
		`slicingArguments: ["first"]`, `slicingArguments: ["levels"]`,
		"every list of objects tells its cost how long it gets", "Query.shops: no argument of its @listSize is always there",
	},
	"a list that sizes other lists": {
		`@listSize(assumedSize: 5)`, `@listSize(assumedSize: 5, sizedFields: ["message"])`,
		"every list of objects tells its cost how long it gets",
		"OpenPayload.userErrors: sizedFields are for fields that give one object, and lists tell their own size",
	},
	"a connection without edges": {
		`"Edges." edges: [ShopEdge!]!`, ``, "connections have the Relay shape and total and are paged",
		"ShopConnection has no field edges: [ShopEdge!]!",
	},
	"a connection without a total": {
		`"All." totalCount: Count!`, ``, "connections have the Relay shape and total and are paged",
		"ShopConnection has no field totalCount: Count!",
	},
	"an edge whose node may be null": {
		`node: Shop!`, `node: Shop`, "connections have the Relay shape and total and are paged", "ShopEdge has no field node: Shop!",
	},
	"a connection that cannot be paged": {
		` "From." after: String`, ``, "connections have the Relay shape and total and are paged",
		"Query.shops gives a connection but takes no first and after",
	},
	"words that nobody looked at": {
		`input OpenInput { "Days, 1 to 7." days: [Day!]! }`, `input OpenInput { "Days, 1 to 7." days: [Day!]! "Words." words: String }`,
		"what is not for everybody is personal or known not to be",
		"OpenInput.words is neither @personal nor in testdata/impersonal.txt",
	},
	"an argument that nobody looked at": {
		`"Levels." levels`, `"Who." who: String "Levels." levels`, "what is not for everybody is personal or known not to be",
		"Query.shops(who:) is neither @personal nor in testdata/impersonal.txt",
	},
	"a fact behind a scope that nobody looked at": {
		`"A shop." type Shop {`, `"A boss." type Boss { "Name." name: String } "A shop." type Shop { "Boss." boss: Boss @hasScope(scope: "X") `,
		"what is not for everybody is personal or known not to be", "Boss.name is neither @personal nor in testdata/impersonal.txt",
	},
	"a fact that needs a scope itself": {
		`"A shop." type Shop {`, `"A shop." type Shop { "Boss." boss: String @hasScope(scope: "X") `,
		"what is not for everybody is personal or known not to be", "Shop.boss is neither @personal nor in testdata/impersonal.txt",
	},
	"a number of the retailer's own": {
		`"A shop." type Shop {`, `"A shop." type Shop { "Stock." onHand: Int `, "commercial numbers need a scope",
		"Shop.onHand is commercial and needs no scope",
	},
	"a number that a role is enough for": {
		`"A shop." type Shop {`, `"A sum." type Sum { "Turnover." turnoverOfYear: Int } "A shop." type Shop { "Sum." sum: Sum @public `,
		"commercial numbers need a scope", "Sum.turnoverOfYear is commercial and needs no scope",
	},
	"a mutation with two arguments": {
		`idempotencyKey: String!)`, `key: String!)`, "mutations take an input and a key and answer with userErrors",
		"Mutation.shopOpen does not take exactly (input: …!, idempotencyKey: String!)",
	},
	"a mutation that cannot refuse": {
		`"Refusals, 20 at most." userErrors: [UserError!]!`, `"Done." done: Boolean!`, "mutations take an input and a key and answer with userErrors",
		"Mutation.shopOpen does not answer with userErrors: [UserError!]!",
	},
}

func TestASoundSchemaKeepsEveryRule(t *testing.T) {
	schema := mustLoad(t, &ast.Source{Name: "sound", Input: sound})
	for _, r := range rules {
		for _, breach := range r.breaches(schema) {
			t.Errorf("%s: %s", r.name, breach)
		}
	}
}

func TestEveryRuleCanFail(t *testing.T) {
	failed := map[string]bool{}
	for name, c := range broken {
		t.Run(name, func(t *testing.T) {
			if strings.Count(sound, c.old) != 1 {
				t.Fatalf("%q occurs %d times, want once", c.old, strings.Count(sound, c.old))
			}
			schema := mustLoad(t, &ast.Source{Name: "broken", Input: strings.Replace(sound, c.old, c.new, 1)})
			i := slices.IndexFunc(rules, func(r rule) bool { return r.name == c.rule })
			if i < 0 {
				t.Fatalf("there is no rule %q", c.rule)
			}
			if got := rules[i].breaches(schema); !slices.Contains(got, c.breach) {
				t.Errorf("got %q, want %q", got, c.breach)
			}
			failed[c.rule] = true
		})
	}
	for _, r := range rules {
		if !failed[r.name] {
			t.Errorf("no case breaks the rule %q", r.name)
		}
	}
}
