package erp_test

import (
	"fmt"
	"testing"

	"github.com/portico-retail/portico/integrations/erp"
)

func TestAPlaceHasAtMost28Hours(t *testing.T) {
	db := mustSQLite(t)
	mustExec(t, db, `INSERT INTO loc_mst VALUES `+place)
	for i := range 30 {
		mustExec(t, db, `INSERT INTO loc_hrs VALUES ('S-1', ?, ?, ?)`, i%7+1, fmt.Sprintf("%02d:00", i/7), fmt.Sprintf("%02d:30", i/7))
	}
	list, quarantined, err := mustClient(t, db, erp.Config{}).Locations(t.Context())
	if err != nil || quarantined != 2 || len(list) != 1 {
		t.Fatalf("%d locations, %d quarantined, %v", len(list), quarantined, err)
	}
	if n := len(list[0].Hours); n != 28 || list[0].Hours[27].Weekday != 7 {
		t.Errorf("%d hours, the last %+v", n, list[0].Hours[n-1])
	}
}
