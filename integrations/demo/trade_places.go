package demo

// webWarehouse ships what British customers without an account order.
const webWarehouse = "UK-DC"

type tradePlace struct {
	code, name, country, city, zone string
	lat, lon                        float64
}

// britishStores take the customers of the United Kingdom, by number.
var britishStores = [...]tradePlace{
	{"UK-00", "London", "GB", "London", "Europe/London", 51.5154, -0.1419},
	{"UK-01", "Birmingham", "GB", "Birmingham", "Europe/London", 52.4780, -1.8950},
	{"UK-02", "Manchester", "GB", "Manchester", "Europe/London", 53.4830, -2.2400},
	{"UK-03", "Leeds", "GB", "Leeds", "Europe/London", 53.7970, -1.5440},
	{"UK-04", "Glasgow", "GB", "Glasgow", "Europe/London", 55.8610, -4.2510},
	{"UK-05", "Edinburgh", "GB", "Edinburgh", "Europe/London", 55.9530, -3.1890},
	{"UK-06", "Liverpool", "GB", "Liverpool", "Europe/London", 53.4040, -2.9870},
	{"UK-07", "Bristol", "GB", "Bristol", "Europe/London", 51.4580, -2.5850},
	{"UK-08", "Sheffield", "GB", "Sheffield", "Europe/London", 53.3790, -1.4700},
	{"UK-09", "Cardiff", "GB", "Cardiff", "Europe/London", 51.4800, -3.1760},
	{"UK-10", "Belfast", "GB", "Belfast", "Europe/London", 54.5990, -5.9270},
	{"UK-11", "Newcastle", "GB", "Newcastle upon Tyne", "Europe/London", 54.9750, -1.6130},
}

// foreignStores are the capitals of the countries that are known; another country gets a place of unknownStore.
var foreignStores = []tradePlace{
	{"AUSTRALIA", "Australia", "AU", "Canberra", "Australia/Sydney", -35.2809, 149.1300},
	{"AUSTRIA", "Austria", "AT", "Vienna", "Europe/Vienna", 48.2082, 16.3738},
	{"BAHRAIN", "Bahrain", "BH", "Manama", "Asia/Bahrain", 26.2285, 50.5860},
	{"BELGIUM", "Belgium", "BE", "Brussels", "Europe/Brussels", 50.8503, 4.3517},
	{"BRAZIL", "Brazil", "BR", "Brasília", "America/Sao_Paulo", -15.7939, -47.8828},
	{"CANADA", "Canada", "CA", "Ottawa", "America/Toronto", 45.4215, -75.6972},
	{"CHANNEL-ISLANDS", "Channel Islands", "JE", "Saint Helier", "Europe/Jersey", 49.1868, -2.1061},
	{"CYPRUS", "Cyprus", "CY", "Nicosia", "Asia/Nicosia", 35.1856, 33.3823},
	{"CZECH-REPUBLIC", "Czech Republic", "CZ", "Prague", "Europe/Prague", 50.0755, 14.4378},
	{"DENMARK", "Denmark", "DK", "Copenhagen", "Europe/Copenhagen", 55.6761, 12.5683},
	{"EIRE", "Ireland", "IE", "Dublin", "Europe/Dublin", 53.3498, -6.2603},
	{"FINLAND", "Finland", "FI", "Helsinki", "Europe/Helsinki", 60.1699, 24.9384},
	{"FRANCE", "France", "FR", "Paris", "Europe/Paris", 48.8566, 2.3522},
	{"GERMANY", "Germany", "DE", "Berlin", "Europe/Berlin", 52.5200, 13.4050},
	{"GREECE", "Greece", "GR", "Athens", "Europe/Athens", 37.9838, 23.7275},
	{"HONG-KONG", "Hong Kong", "HK", "Hong Kong", "Asia/Hong_Kong", 22.2819, 114.1580},
	{"ICELAND", "Iceland", "IS", "Reykjavík", "Atlantic/Reykjavik", 64.1466, -21.9426},
	{"ISRAEL", "Israel", "IL", "Jerusalem", "Asia/Jerusalem", 31.7683, 35.2137},
	{"ITALY", "Italy", "IT", "Rome", "Europe/Rome", 41.9028, 12.4964},
	{"JAPAN", "Japan", "JP", "Tokyo", "Asia/Tokyo", 35.6762, 139.6503},
	{"LEBANON", "Lebanon", "LB", "Beirut", "Asia/Beirut", 33.8938, 35.5018},
	{"LITHUANIA", "Lithuania", "LT", "Vilnius", "Europe/Vilnius", 54.6872, 25.2797},
	{"MALTA", "Malta", "MT", "Valletta", "Europe/Malta", 35.8989, 14.5146},
	{"NETHERLANDS", "Netherlands", "NL", "Amsterdam", "Europe/Amsterdam", 52.3676, 4.9041},
	{"NORWAY", "Norway", "NO", "Oslo", "Europe/Oslo", 59.9139, 10.7522},
	{"POLAND", "Poland", "PL", "Warsaw", "Europe/Warsaw", 52.2297, 21.0122},
	{"PORTUGAL", "Portugal", "PT", "Lisbon", "Europe/Lisbon", 38.7223, -9.1393},
	{"RSA", "South Africa", "ZA", "Pretoria", "Africa/Johannesburg", -25.7479, 28.2293},
	{"SAUDI-ARABIA", "Saudi Arabia", "SA", "Riyadh", "Asia/Riyadh", 24.7136, 46.6753},
	{"SINGAPORE", "Singapore", "SG", "Singapore", "Asia/Singapore", 1.2897, 103.8501},
	{"SPAIN", "Spain", "ES", "Madrid", "Europe/Madrid", 40.4168, -3.7038},
	{"SWEDEN", "Sweden", "SE", "Stockholm", "Europe/Stockholm", 59.3293, 18.0686},
	{"SWITZERLAND", "Switzerland", "CH", "Bern", "Europe/Zurich", 46.9480, 7.4474},
	{"UNITED-ARAB-EMIRATES", "United Arab Emirates", "AE", "Abu Dhabi", "Asia/Dubai", 24.4539, 54.3773},
	{"USA", "United States", "US", "Washington, D.C.", "America/New_York", 38.9072, -77.0369},
}

// tradeLocation describes the place of a code; a country that is not known lies nowhere (0°, 0°), in UTC.
func tradeLocation(code string) Location {
	if code == webWarehouse {
		l := tradePlace{webWarehouse, "Daventry Distribution Centre", "GB", "Daventry", "Europe/London", 52.2575, -1.1646}.location(KindWarehouse)
		l.Hours = everyDay("00:00", "24:00")
		return l
	}
	for _, list := range [][]tradePlace{britishStores[:], foreignStores} {
		for _, p := range list {
			if p.code == code {
				return p.store()
			}
		}
	}
	return tradePlace{code: code, name: code, zone: "UTC"}.store()
}

func (p tradePlace) store() Location {
	l := p.location(KindStore)
	l.Hours = everyDay("09:00", "21:00")
	l.Pickup = Pickup{Inside: true, Minutes: 30}
	return l
}

func (p tradePlace) location(kind string) Location {
	return Location{
		Code: p.code, Kind: kind, Name: Text{p.name, p.name}, Country: p.country, City: p.city,
		Lat: p.lat, Lon: p.lon, Zone: p.zone,
	}
}
