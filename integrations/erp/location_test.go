package erp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/retail"
)

// place is a row of loc_mst of a store that can be read.
const place = `('S-1','S','外滩店','Bund','CN','上海','上海','黄浦','中山东一路1号','200002','021',31.24,121.49,'Asia/Shanghai','Y','N','Y',30,'18:00',0,'A')`

func TestLocations(t *testing.T) { onEveryDatabase(t, testLocations) }

func testLocations(t *testing.T, db *sqlx.DB) {
	mustExec(t, db, `INSERT INTO loc_mst VALUES `+place+`,
		('W-1','W','仓','Depot',NULL,NULL,NULL,NULL,NULL,NULL,NULL,-90,180,'UTC','N','N','N',0,NULL,5,'A'),
		('S-9','S','旧','Old',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,'UTC','N','N','N',0,NULL,5,'C')`)
	mustExec(t, db, `INSERT INTO loc_hrs VALUES ('S-1',7,'10:00','24:00'), ('S-1',1,'09:00','02:00'), ('S-9',9,'x','y')`)
	mustExec(t, db, `INSERT INTO loc_hol VALUES ('S-1','2026-12-25',NULL,NULL,'Xmas'), ('S-1','2026-11-21','10:00','12:00',NULL),
		('S-1','2026-11-20','10:00','12:00',NULL)`)
	list, quarantined, err := mustClient(t, db, erp.Config{}).Locations(t.Context())
	if err != nil || quarantined != 0 || len(list) != 2 {
		t.Fatalf("%d locations, %d quarantined, %v", len(list), quarantined, err)
	}
	s := list[0]
	if s.Zone.String() != "Asia/Shanghai" {
		t.Errorf("zone %v", s.Zone)
	}
	s.Zone = nil
	cutoff, opens, closes := retail.LocalTime("18:00"), retail.LocalTime("10:00"), retail.LocalTime("12:00")
	want := &retail.Location{
		Code: "S-1", Kind: retail.Store, Names: retail.Text{Chinese: "外滩店", English: "Bund"},
		Address: retail.Address{
			CountryCode: "CN", Province: "上海", City: "上海", District: "黄浦", Line: "中山东一路1号", PostalCode: "200002",
		},
		Position: retail.GeoPoint{Latitude: 31.24, Longitude: 121.49},
		Hours:    []retail.OpeningHours{{Weekday: 1, Opens: "09:00", Closes: "02:00"}, {Weekday: 7, Opens: "10:00", Closes: "24:00"}},
		Holidays: []retail.HolidayHours{
			{Date: "2026-11-21", Opens: &opens, Closes: &closes}, {Date: "2026-12-25", Title: "Xmas"},
		},
		Services: []retail.PickupService{retail.ServicePickup, retail.ServiceInstant},
		Pickup:   &retail.PickupSettings{PickingMinutes: 30, Cutoff: &cutoff},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("S-1 (-want +got):\n%s", diff)
	}
	if w := list[1]; w.Kind != retail.Warehouse || w.Pickup != nil || w.Services != nil {
		t.Errorf("W-1 = %+v", w)
	}
}

func TestUnreadablePlacesAreLeftOut(t *testing.T) {
	const other = `('S-2','S','a','b','CN','a','a','a','a','a','a',1,1,'UTC','Y','N','N',30,'18:00',0,'A')`
	for name, tc := range map[string]struct {
		from, to string // a change of the place's row
		extra    string // another statement
	}{
		"an unknown zone":          {from: "Asia/Shanghai", to: "Asia/Atlantis"},
		"no zone":                  {from: "Asia/Shanghai", to: ""},
		"the zone of the machine":  {from: "Asia/Shanghai", to: "Local"},
		"a zone outside the files": {from: "Asia/Shanghai", to: "../etc/passwd"},
		"off the earth":            {from: "31.24", to: "91"},
		"no latitude":              {from: "31.24", to: "NULL"},
		"a latitude in words":      {from: "31.24", to: "'north'"},
		"not a number":             {from: "31.24", to: "'NaN'"},
		"an unknown kind":          {from: "'S','外滩店'", to: "'X','外滩店'"},
		"a code with a blank":      {from: "'S-1'", to: "'S 1'"},
		"negative picking time":    {from: "30,'18:00'", to: "-1,'18:00'"},
		"a cut-off in words":       {from: "'18:00'", to: "'six'"},
		"a negative capacity":      {from: ",0,'A'", to: ",-1,'A'"},
		"an hour that is none":     {extra: "INSERT INTO loc_hrs VALUES ('S-1',1,'09:00','25:00')"},
		"hours without end":        {extra: "INSERT INTO loc_hrs VALUES ('S-1',1,'09:00',NULL)"},
		"empty hours":              {extra: "INSERT INTO loc_hrs VALUES ('S-1',1,'09:00','09:00')"},
		"an eighth weekday":        {extra: "INSERT INTO loc_hrs VALUES ('S-1',8,'09:00','18:00')"},
		"a weekday in words":       {extra: "INSERT INTO loc_hrs VALUES ('S-1','Monday','09:00','18:00')"},
		"a holiday that is none":   {extra: "INSERT INTO loc_hol VALUES ('S-1','2026-13-01',NULL,NULL,'x')"},
		"a half-open holiday":      {extra: "INSERT INTO loc_hol VALUES ('S-1','2026-12-01','09:00',NULL,'x')"},
	} {
		db := mustSQLite(t)
		mustExec(t, db, `INSERT INTO loc_mst VALUES `+strings.Replace(place, tc.from, tc.to, 1)+`, `+other)
		if tc.extra != "" {
			mustExec(t, db, tc.extra)
		}
		list, quarantined, err := mustClient(t, db, erp.Config{}).Locations(t.Context())
		if err != nil || quarantined != 1 || len(list) != 1 || list[0].Code != "S-2" {
			t.Errorf("%s: %d locations, %d quarantined, %v", name, len(list), quarantined, err)
		}
	}
}

// An ERP that answers garbage for the hours must not close every place.
func TestAnIllERPLosesNoPlace(t *testing.T) {
	for name, garbage := range map[string]string{
		"hours":    "INSERT INTO loc_hrs VALUES ('\x01%d',1,'\x02','\x03')",
		"holidays": "INSERT INTO loc_hol VALUES ('\x01%d','2099-\x02','\x03',NULL,'x')",
	} {
		db := mustSQLite(t)
		mustExec(t, db, `INSERT INTO loc_mst VALUES `+place)
		for i := range 11 {
			mustExec(t, db, fmt.Sprintf(garbage, i))
		}
		list, _, err := mustClient(t, db, erp.Config{}).Locations(t.Context())
		if retail.CodeOf(err) != retail.CodeBadUpstream || len(list) != 0 {
			t.Errorf("%s: %d locations, %v", name, len(list), err)
		}
	}
}
