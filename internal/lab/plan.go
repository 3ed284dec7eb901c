package lab

// sitePlan is one pretend datacenter.
type sitePlan struct {
	Name, Title string
	Provider    string // whose status page announces its outages
	Hands       string // mail address of the technicians
	Telephone   string
	Contract    string
	Racks       []string
}

// serverPlan is one pretend server, as the inventory describes it.
type serverPlan struct {
	Name, Title   string
	Site, Rack    string
	Unit          int
	Maker, Model  string
	Serial        string
	Service       string // what it is there for
	SystemdUnit   string
	Customers     []string
	SpeaksIPMI    bool   // when the lab is started with IPMI
	Data          string // what the inventory says of customers' data on its disks, "" for nothing
	CabledInstead string // the machine that its BMC leads to under BMCWrongIdentity
}

type customerPlan struct{ Name, Title, Language, Email, Telephone string }

type personPlan struct{ Name, Title, Role, Telephone string }

type teamPlan struct {
	Name, Title     string
	Members, OnDuty []string
}

// The pretend world. Its names are invented; its telephone numbers lie in the
// range 020 7946 0xxx, which is set aside for stories.
var (
	sitePlans = []sitePlan{
		{Name: "ams1", Title: "Amsterdam 1", Provider: "Grachtengordel Colocation", Hands: "remote-hands@grachtengordel.example.net",
			Telephone: "+442079460101", Contract: "GC-4711", Racks: []string{"ams1-a01", "ams1-a02"}},
		{Name: "rtm1", Title: "Rotterdam 1", Provider: "Maaskade Datacenters", Hands: "hands@maaskade.example.net",
			Telephone: "+442079460102", Contract: "MK-0815", Racks: []string{"rtm1-c03", "rtm1-c04"}},
	}

	serverPlans = []serverPlan{
		{Name: "web-01", Title: "Web shop", Site: "ams1", Rack: "ams1-a01", Unit: 12, Maker: "Lantaarn", Model: "L1U-220", Serial: "LTN4400117",
			Service: "shop", SystemdUnit: "shop.service", Customers: []string{"zonneweide"}, Data: "none", CabledInstead: "db-01"},
		{Name: "db-01", Title: "Database of the shop", Site: "ams1", Rack: "ams1-a01", Unit: 14, Maker: "Lantaarn", Model: "L2U-480", Serial: "LTN4400233",
			Service: "database", SystemdUnit: "postgresql.service", Customers: []string{"zonneweide"}, CabledInstead: "web-01"},
		{Name: "web-02", Title: "Booking pages", Site: "ams1", Rack: "ams1-a02", Unit: 12, Maker: "Lantaarn", Model: "L1U-220", Serial: "LTN4400118",
			Service: "booking", SystemdUnit: "booking.service", Customers: []string{"northlight"}, CabledInstead: "app-01"},
		{Name: "app-01", Title: "Order intake", Site: "ams1", Rack: "ams1-a02", Unit: 16, Maker: "Molenwiek", Model: "MW-R610", Serial: "MWK77A0391",
			Service: "orders", SystemdUnit: "orders.service", Customers: []string{"zonneweide", "northlight"}, CabledInstead: "web-02"},
		{Name: "web-03", Title: "Library catalogue", Site: "rtm1", Rack: "rtm1-c03", Unit: 8, Maker: "Molenwiek", Model: "MW-R320", Serial: "MWK77B1204",
			Service: "catalogue", SystemdUnit: "catalogue.service", Customers: []string{"leeszaal"}, CabledInstead: "db-02"},
		{Name: "db-02", Title: "Archive", Site: "rtm1", Rack: "rtm1-c03", Unit: 10, Maker: "Molenwiek", Model: "MW-R720", Serial: "MWK77B1377",
			Service: "archive", SystemdUnit: "archive.service", Customers: []string{"leeszaal"}, SpeaksIPMI: true, CabledInstead: "web-03"},
		{Name: "app-02", Title: "Measurements", Site: "rtm1", Rack: "rtm1-c04", Unit: 5, Maker: "Lantaarn", Model: "L1U-220", Serial: "LTN4400120",
			Service: "measurements", SystemdUnit: "measurements.service", Customers: []string{"northlight"}, CabledInstead: "mail-01"},
		{Name: "mail-01", Title: "Mail gateway", Site: "rtm1", Rack: "rtm1-c04", Unit: 7, Maker: "Lantaarn", Model: "L1U-200", Serial: "LTN4400041",
			Service: "mail", SystemdUnit: "postfix.service", Customers: []string{"leeszaal", "northlight"}, SpeaksIPMI: true, CabledInstead: "app-02"},
	}

	customerPlans = []customerPlan{
		{"zonneweide", "Tuincentrum Zonneweide", "nl", "beheer@zonneweide.example.net", "+442079460201"},
		{"northlight", "Northlight Travel", "en", "it@northlight.example.net", "+442079460202"},
		{"leeszaal", "Bibliotheek De Leeszaal", "nl", "systemen@leeszaal.example.net", "+442079460203"},
	}

	personPlans = []personPlan{
		{"noor", "Noor, engineer on duty", "engineer", "+442079460301"},
		{"ravi", "Ravi, second engineer", "engineer", "+442079460302"},
		{"hanne", "Hanne, operations manager", "manager", "+442079460303"},
		{"sem", "Sem, service desk", "support", "+442079460304"},
		{"mila", "Mila, who talks with customers", "communications", "+442079460305"},
	}

	teamPlans = []teamPlan{
		{"network-and-server", "Network and server", []string{"noor", "ravi"}, []string{"noor"}},
		{"service-desk", "Service desk", []string{"sem", "hanne"}, []string{"sem"}},
	}
)
