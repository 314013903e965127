package shop_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/shop"
)

var update = flag.Bool("update", false, "write the replies in testdata/wire")

func wireData() shop.Data {
	size := func(zh, en string) []shop.Attribute {
		return []shop.Attribute{{
			Name:  shop.Text{Chinese: "规格", English: "Size"},
			Value: shop.Text{Chinese: zh, English: en},
		}}
	}
	return shop.Data{
		Products: []shop.Product{
			{ID: "p-1002", Handle: "tea", Title: shop.Text{Chinese: "茶", English: "Tea & more"}, UpdatedAt: noon},
			{
				ID: "p-1001", Handle: "water", Brand: "Quelle", CategoryIDs: []string{"c-3"},
				Title:       shop.Text{Chinese: "矿泉水", English: "Mineral water"},
				Description: shop.Text{Chinese: "天然矿泉水", English: "Natural mineral water"},
				Media: []shop.Media{{
					Kind: "IMAGE", URL: "https://cdn.example/water.jpg", MimeType: "image/jpeg",
					Alt: shop.Text{Chinese: "一瓶水", English: "A bottle"},
				}},
				Attributes: size("瓶", "Bottle"),
				Variants: []shop.Variant{
					{
						SKU: "10000017", GTIN: "06901234567892", Title: shop.Text{Chinese: "小瓶", English: "Small"},
						Options: size("500 毫升", "500 ml"), Price: &shop.Money{Amount: "19.90", Currency: "CNY"},
					},
					{SKU: "10000024", Title: shop.Text{English: "Large"}, Price: &shop.Money{Amount: "30.00", Currency: "CNY"}},
				},
				UpdatedAt: noon.Add(-time.Hour),
			},
		},
		Categories: []shop.Category{
			{ID: "c-1", Title: shop.Text{Chinese: "食品", English: "Food"}, Position: 1},
			{ID: "c-3", ParentID: "c-1", Title: shop.Text{Chinese: "饮料", English: "Drinks"}, Position: 3},
		},
		Accounts: []shop.Account{{
			ID: "u-1001", UpdatedAt: noon.Add(-time.Hour),
			Profile: shop.Profile{Name: "李雷", Phone: "+8613800000001", PhoneVerified: true, UnionID: "wx-li"},
		}},
		Orders: []shop.PastOrder{
			{
				Account: "u-1001", Number: "W-8", PlacedAt: time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC), Status: "交易成功",
				Total: shop.Money{Amount: "30.00", Currency: "CNY"},
				Lines: []shop.OrderLine{{SKU: "10000024", Quantity: 1, Total: shop.Money{Amount: "30.00", Currency: "CNY"}}},
			},
			{
				Account: "u-1001", Number: "W-7", PlacedAt: time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC), Status: "交易成功",
				Total: shop.Money{Amount: "19.90", Currency: "CNY"},
			},
		},
		PublicURL: "https://shop.example",
	}
}

// TestWire plays the requests of testdata/wire in order; a reply is its status and its body, indented.
func TestWire(t *testing.T) {
	s := startSite(t, wireData())
	requests, err := filepath.Glob("testdata/wire/*.request.txt")
	if err != nil || len(requests) == 0 {
		t.Fatal("no requests in testdata/wire", err)
	}
	for _, file := range requests {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".request.txt"), func(t *testing.T) {
			got := s.play(t, file)
			golden := strings.Replace(file, ".request.", ".reply.", 1)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
		s.clock.pass(time.Second)
	}
}

func (s *site) play(t *testing.T, file string) string {
	t.Helper()
	request, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, body, _ := strings.Cut(string(request), "\n")
	method, path, _ := strings.Cut(line, " ")
	got, err := s.send(t, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("content type = %q", kind)
	}
	if tag := got.header.Get("ETag"); (tag == "") == (method == http.MethodGet && got.status == 200) {
		t.Errorf("ETag = %q", tag)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got.body, "", "  "); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d\n%s\n", got.status, pretty.String())
}
