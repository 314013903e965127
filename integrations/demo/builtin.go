package demo

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// builtinSKUs is how many SKUs the built-in retailer sells.
const builtinSKUs = 1200

// Builtin returns the built-in retailer: some sixty places in nine Chinese cities and 1,200 SKUs, priced in CNY. The same
// seed and day of now give the same retailer; holidays and promotions lie around now.
func Builtin(seed uint64, now time.Time) *Retailer {
	rng := rand.New(rand.NewPCG(seed, 0x706f727469636f))
	today := now.UTC().Truncate(24 * time.Hour)
	categories, leafID := builtinCategories()
	r := &Retailer{
		Currency:   "CNY",
		Locations:  builtinLocations(rng, today),
		Categories: categories,
	}
	builtinProducts(rng, r, leafID, today)
	r.Stock = builtinStock(rng, r)
	addBuiltinPeople(rng, r, today)
	return r
}

func builtinCategories() (list []Category, leafID map[string][2]string) {
	leafID = map[string][2]string{}
	n := 0
	next := func(parent string, title Text) string {
		n++
		id := fmt.Sprintf("c-%d", n)
		list = append(list, Category{ID: id, Parent: parent, Title: title, Position: n})
		return id
	}
	for _, s := range shelves {
		top := next("", s.title)
		for _, l := range s.leaves {
			leafID[l.key] = [2]string{top, next(top, l.title)}
		}
	}
	return list, leafID
}

// builtinProducts walks round the families until there are enough SKUs, so that every shelf is filled alike.
func builtinProducts(rng *rand.Rand, r *Retailer, leafID map[string][2]string, today time.Time) {
	skus := 0
	for round := 0; skus < builtinSKUs; round++ {
		for f := range families {
			if skus == builtinSKUs {
				return
			}
			p := builtinProduct(rng, families[f], round, len(r.Products), today)
			p.Categories = leafIDs(leafID[families[f].category])
			for _, v := range builtinVariants(rng, families[f], p, skus, builtinSKUs-skus) {
				conditions := builtinConditions(rng, v, today)
				price := inForce(v.List, conditions, today)
				v.Web, v.Till = price, price
				disagree(rng, &v)
				p.Variants = append(p.Variants, v)
				r.Conditions = append(r.Conditions, conditions...)
			}
			skus += len(p.Variants)
			r.Products = append(r.Products, p)
		}
	}
}

func leafIDs(pair [2]string) []string { return []string{pair[1], pair[0]} }

func builtinProduct(rng *rand.Rand, f family, round, index int, today time.Time) Product {
	noun := f.nouns[round%len(f.nouns)]
	line := lines[(round/len(f.nouns)+index)%len(lines)]
	brand := f.brands[(round+index)%len(f.brands)]
	id := fmt.Sprintf("p-%d", 1001+index)
	title := Text{brand.Chinese + " " + line.Chinese + noun.Chinese, brand.English + " " + line.English + " " + noun.English}
	p := Product{
		ID: id, Handle: handle(line.English+" "+noun.English) + "-" + id[2:],
		Title: title, Brand: brand.English, Attributes: f.facts,
		Description: Text{
			title.Chinese + "，" + f.facts[0].Name.Chinese + "：" + f.facts[0].Value.Chinese + "。门店可自提，线上下单当日可取。",
			title.English + ". " + f.facts[0].Name.English + ": " + f.facts[0].Value.English + ". Order online and collect it in a store today.",
		},
		UpdatedAt: today.Add(-time.Duration(rng.IntN(90*24)) * time.Hour),
	}
	p.Media = builtinMedia(rng, id, title)
	return p
}

func builtinMedia(rng *rand.Rand, id string, title Text) []Media {
	const base = "https://media.portico.example/"
	var out []Media
	for i := range 1 + rng.IntN(3) {
		out = append(out, Media{Kind: MediaImage, URL: fmt.Sprintf("%s%s/%d.webp", base, id, i+1), MIME: "image/webp", Alt: title})
	}
	if rng.IntN(10) == 0 {
		out = append(out, Media{Kind: MediaVideo, URL: base + id + "/film.mp4", MIME: "video/mp4", Alt: title})
	}
	if rng.IntN(5) == 0 {
		out = append(out, Media{Kind: MediaModel3D, URL: base + id + "/model.glb", MIME: "model/gltf-binary", Alt: title})
	}
	return out
}

// builtinVariants makes one to four variants, limit at most.
func builtinVariants(rng *rand.Rand, f family, p Product, firstSKU, limit int) []Variant {
	combos := combinations(rng, f.options)
	n := min(limit, len(combos), []int{1, 1, 1, 2, 2, 2, 3, 3, 3, 4}[rng.IntN(10)])
	list := Cents(100*(f.min+rng.IntN(f.max-f.min+1)) - 10)
	out := make([]Variant, n)
	for i := range out {
		number := firstSKU + i + 1
		v := Variant{
			SKU:     fmt.Sprintf("%d", 10_000_000+number),
			GTIN:    gtin13(fmt.Sprintf("690%s%05d", brandPrefix(p.Brand), number)),
			Title:   p.Title,
			Options: combos[i],
		}
		for _, o := range v.Options {
			v.Title.Chinese += " " + o.Value.Chinese
			v.Title.English += " " + o.Value.English
		}
		v.List = list
		if i > 0 && rng.IntN(3) == 0 {
			v.List += Cents(100 * rng.IntN(40))
		}
		v.Discontinued = rng.IntN(100) == 0
		out[i] = v
	}
	return out
}

// combinations lists the option sets of a product in a sensible order: one colour in all sizes, then the next colour.
func combinations(rng *rand.Rand, axes []axis) [][]Attribute {
	out := [][]Attribute{nil}
	for i, a := range axes {
		values := a.values
		if i == 0 {
			at := rng.IntN(len(values))
			values = append(append([]Text(nil), values[at:]...), values[:at]...)
		}
		var next [][]Attribute
		for _, have := range out {
			for _, v := range values {
				next = append(next, append(have[:len(have):len(have)], Attribute{a.name, v}))
			}
		}
		out = next
	}
	return out
}

// disagree gives a few SKUs the stale price labels that every retailer knows.
func disagree(rng *rand.Rand, v *Variant) {
	switch rng.IntN(60) {
	case 0:
		v.Till += 500
	case 1:
		v.Web = max(100, v.Web-300)
	}
}

// gtin13 appends the check digit to twelve digits.
func gtin13(twelve string) string {
	sum := 0
	for i, c := range twelve {
		weight := 1 + 2*(i%2)
		sum += weight * int(c-'0')
	}
	return fmt.Sprintf("%s%d", twelve, (10-sum%10)%10)
}

// brandPrefix is the made-up company part of a brand's GTINs, four digits.
func brandPrefix(brand string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(brand)) // it never fails
	return fmt.Sprintf("%04d", h.Sum32()%10_000)
}

func handle(title string) string {
	return strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c == '\'':
			return -1
		}
		return '-'
	}, strings.ToLower(title)), "-")
}
