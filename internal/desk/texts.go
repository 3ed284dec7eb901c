package desk

import (
	"text/template"

	"github.com/spinware/piket/internal/incident"
)

// words are the phrases for what is being done, by language.
var words = map[string]phrases{
	"en": {
		looking:    "Our systems are finding the cause, and report to our engineers.",
		owned:      "One of our engineers is working on it.",
		asked:      "The next step is a restart; one of our engineers must agree to it first.",
		acting:     "We are restarting the server or the service.",
		verifying:  "A restart has been carried out; we are checking whether everything comes back.",
		technician: "A technician in the datacenter has been asked to go and look.",
		onSite:     "A technician is on site.",
		site:       "The trouble lies with the datacenter or the way to it, not with your server.",

		reported:  "It has been written down, and our engineers see it.",
		complaint: "You told us that not everything works. Our checks answer; one of our engineers has been asked to look into it.",
		news: map[string]string{
			incident.NewsTaken: "One of our engineers took it up.", incident.NewsServer: "We found that the trouble lies with the server itself.",
			incident.NewsElsewhere: "We found that the trouble lies with the datacenter or the way to it.",
			incident.NewsAsked:     "We asked one of our engineers to agree to a restart.", incident.NewsPoweredOn: "The server was switched on.",
			incident.NewsPowerCycled: "The server was switched off and on again.", incident.NewsRestarted: "A restart was carried out.",
			incident.NewsNotHelped: "That did not help.", incident.NewsOrdered: "We asked a technician in the datacenter to go and look.",
			incident.NewsOnSite: "The technician arrived.", incident.NewsWorked: "The technician finished their work.",
			incident.NewsFailedAgain: "It failed again after it had come back.", incident.NewsCustomerSaysNo: "We heard that not everything works.",
		},
	},
	"nl": {
		looking:    "Onze systemen zoeken de oorzaak en houden onze engineers op de hoogte.",
		owned:      "Een van onze engineers werkt eraan.",
		asked:      "De volgende stap is een herstart; een van onze engineers moet daar eerst mee instemmen.",
		acting:     "We herstarten de server of de dienst.",
		verifying:  "Er is een herstart uitgevoerd; we controleren of alles terugkomt.",
		technician: "Er is een monteur in het datacenter gevraagd om te gaan kijken.",
		onSite:     "Er is een monteur ter plaatse.",
		site:       "De storing ligt bij het datacenter of de verbinding ernaartoe, niet bij uw server.",

		reported:  "Zij is vastgelegd, en onze engineers zien haar.",
		complaint: "U liet ons weten dat niet alles werkt. Onze controles slagen; een van onze engineers is gevraagd om ernaar te kijken.",
		news: map[string]string{
			incident.NewsTaken: "Een van onze engineers pakte het op.", incident.NewsServer: "We zagen dat de storing bij de server zelf ligt.",
			incident.NewsElsewhere: "We zagen dat de storing bij het datacenter of de verbinding ernaartoe ligt.",
			incident.NewsAsked:     "We vroegen een van onze engineers om in te stemmen met een herstart.", incident.NewsPoweredOn: "De server is aangezet.",
			incident.NewsPowerCycled: "De server is uit- en weer aangezet.", incident.NewsRestarted: "Er is een herstart uitgevoerd.",
			incident.NewsNotHelped: "Dat hielp niet.", incident.NewsOrdered: "We vroegen een monteur in het datacenter om te gaan kijken.",
			incident.NewsOnSite: "De monteur is aangekomen.", incident.NewsWorked: "De monteur is klaar.",
			incident.NewsFailedAgain: "De storing kwam terug nadat alles weer werkte.", incident.NewsCustomerSaysNo: "We hoorden dat niet alles werkt.",
		},
	},
}

// sources are the texts to customers: what is the matter, what is done and by
// whom, when the next word comes.
var sources = map[string]map[string]string{
	"en": {
		"first.subject": "[{{.Number}}] Outage: {{.Services}}",
		"first.body": `Dear {{.Customer}},

{{if .Reported}}We have had your report since {{.Begun}}: {{.Services}}.{{else}}Since {{.Begun}} the following does not answer: {{.Services}}.{{end}}

{{.Doing}}

{{if .Next}}You will hear from us again at {{.Next}} at the latest, or as soon as service is back.{{else if .Ends}}You will hear from us as soon as service is back.{{end}}
Our number for this incident is {{.Number}}.
`,
		"first.spoken":   "{{if .Reported}}We have had your report since {{.Begun}}: {{.Services}}.{{else}}Since {{.Begun}}, {{.Services}} does not answer.{{end}} {{.Doing}}{{if .Next}} The next word comes at {{.Next}} at the latest.{{end}} Number {{.Number}}.",
		"update.subject": "[{{.Number}}] Update: {{.Services}}",
		"update.body": `Dear {{.Customer}},

{{if .Reported}}What you reported at {{.Begun}} is not solved yet: {{.Services}}.{{else}}The outage of {{.Services}} that began at {{.Begun}} is not over yet.{{end}}
{{if .Changes}}
{{if .Last}}Since our last word at {{.Last}}:{{else}}What has happened:{{end}}
{{range .Changes}}- {{.At}}: {{.What}}
{{end}}{{else if .Last}}
Nothing has changed since our last word at {{.Last}}.
{{end}}
Now: {{.Doing}}
{{with .Words}}
{{.}}
{{end}}
{{if .Next}}You will hear from us again at {{.Next}} at the latest, or as soon as service is back.{{else if .Ends}}You will hear from us as soon as service is back.{{end}}
`,
		"update.spoken":    "{{if .Reported}}What you reported is not solved yet: {{.Services}}.{{else}}The outage of {{.Services}} is not over yet.{{end}}{{range .Changes}} At {{.At}}: {{.What}}{{end}} {{.Doing}}{{with .Words}} {{.}}{{end}}{{if .Next}} The next word comes at {{.Next}} at the latest.{{end}}",
		"restored.subject": "[{{.Number}}] Service is back: {{.Services}}",
		"restored.body": `Dear {{.Customer}},

{{.Services}} has been answering again since {{.Back}}. The outage began at {{.Begun}} and lasted {{.Lasting}} minutes.

We are checking everything once more, and will then ask you whether everything works for you, too.
`,
		"restored.spoken": "{{.Services}} has been answering again since {{.Back}}. We will ask you later whether everything works for you, too.",
		"confirm.subject": "[{{.Number}}] Does everything work again? {{.Services}}",
		"confirm.body": `Dear {{.Customer}},

{{if .Back}}Since {{.Back}} all our checks of {{.Services}} have been answering again.{{else}}As far as we know, {{.Services}} works again.{{end}}
Does everything work for you, too?

{{with .Link}}Yes or no, without a password: {{.}}

Or answer this mail{{else}}Please answer this mail{{end}} with YES or NO on the first line. After a NO, please write below it what does not work: we will look at it at once.
`,
		"confirm.spoken":        "{{if .Back}}Since {{.Back}} all our checks of {{.Services}} have been answering again.{{else}}As far as we know, {{.Services}} works again.{{end}} Does everything work for you, too?",
		"confirm-again.subject": "[{{.Number}}] Once more: does everything work again? {{.Services}}",
		"confirm-again.body": `Dear {{.Customer}},

We have not heard from you yet whether everything works again: {{.Services}}.

{{with .Link}}Yes or no, without a password: {{.}}

Or answer this mail{{else}}Please answer this mail{{end}} with YES or NO on the first line. After a NO, please write below it what does not work: we will look at it at once.
`,
		"confirm-again.spoken": "We have not heard from you yet: does everything work again for you? {{.Services}}.",
		"summary.subject":      "[{{.Number}}] Summary: {{.Services}}",
		"summary.body": `Dear {{.Customer}},

The outage of {{.Services}} {{if .Unchecked}}that began at {{.Begun}} has been closed. We have not been able to check whether service is back. Please tell us if anything does not work.
{{- else}}from {{.Begun}} to {{.Back}} ({{.Lasting}} minutes) has been closed.
{{- end}}

Cause: {{.Cause}}
Solution: {{.Solution}}
{{- if .Prevention}}
To prevent it from happening again: {{.Prevention}}
{{- end}}
{{with .Link}}
How did we do? One click, no password: {{.}}
{{end}}`,
		"summary.spoken": "The outage of {{.Services}} has been closed.{{if .Unchecked}} We have not been able to check whether service is back. Please tell us if anything does not work.{{end}} Cause: {{.Cause}} Solution: {{.Solution}}{{if .Prevention}} To prevent it from happening again: {{.Prevention}}{{end}}",
	},
	"nl": {
		"first.subject": "[{{.Number}}] Storing: {{.Services}}",
		"first.body": `Beste {{.Customer}},

{{if .Reported}}Sinds {{.Begun}} hebben wij uw melding: {{.Services}}.{{else}}Sinds {{.Begun}} is het volgende niet bereikbaar: {{.Services}}.{{end}}

{{.Doing}}

{{if .Next}}U hoort uiterlijk om {{.Next}} weer van ons, of zodra de dienst terug is.{{else if .Ends}}U hoort van ons zodra de dienst terug is.{{end}}
Ons nummer voor deze storing is {{.Number}}.
`,
		"first.spoken":   "{{if .Reported}}Sinds {{.Begun}} hebben wij uw melding: {{.Services}}.{{else}}Sinds {{.Begun}} is {{.Services}} niet bereikbaar.{{end}} {{.Doing}}{{if .Next}} Het volgende bericht komt uiterlijk om {{.Next}}.{{end}} Nummer {{.Number}}.",
		"update.subject": "[{{.Number}}] Stand van zaken: {{.Services}}",
		"update.body": `Beste {{.Customer}},

{{if .Reported}}Wat u om {{.Begun}} heeft gemeld is nog niet opgelost: {{.Services}}.{{else}}De storing van {{.Services}}, begonnen om {{.Begun}}, is nog niet voorbij.{{end}}
{{if .Changes}}
{{if .Last}}Sinds ons vorige bericht van {{.Last}}:{{else}}Wat er is gebeurd:{{end}}
{{range .Changes}}- {{.At}}: {{.What}}
{{end}}{{else if .Last}}
Sinds ons vorige bericht van {{.Last}} is er niets veranderd.
{{end}}
Nu: {{.Doing}}
{{with .Words}}
{{.}}
{{end}}
{{if .Next}}U hoort uiterlijk om {{.Next}} weer van ons, of zodra de dienst terug is.{{else if .Ends}}U hoort van ons zodra de dienst terug is.{{end}}
`,
		"update.spoken":    "{{if .Reported}}Wat u heeft gemeld is nog niet opgelost: {{.Services}}.{{else}}De storing van {{.Services}} is nog niet voorbij.{{end}}{{range .Changes}} Om {{.At}}: {{.What}}{{end}} {{.Doing}}{{with .Words}} {{.}}{{end}}{{if .Next}} Het volgende bericht komt uiterlijk om {{.Next}}.{{end}}",
		"restored.subject": "[{{.Number}}] De dienst is terug: {{.Services}}",
		"restored.body": `Beste {{.Customer}},

{{.Services}} is sinds {{.Back}} weer bereikbaar. De storing begon om {{.Begun}} en duurde {{.Lasting}} minuten.

We controleren alles nog een keer en vragen u daarna of ook bij u alles werkt.
`,
		"restored.spoken": "{{.Services}} is sinds {{.Back}} weer bereikbaar. Daarna vragen we u of ook bij u alles werkt.",
		"confirm.subject": "[{{.Number}}] Werkt alles weer? {{.Services}}",
		"confirm.body": `Beste {{.Customer}},

{{if .Back}}Sinds {{.Back}} slagen al onze controles van {{.Services}} weer.{{else}}Voor zover wij weten werkt {{.Services}} weer.{{end}}
Werkt ook bij u alles weer?

{{with .Link}}Ja of nee, zonder wachtwoord: {{.}}

Of beantwoord deze mail{{else}}Beantwoord deze mail{{end}} met JA of NEE op de eerste regel. Schrijf na een NEE daaronder wat niet werkt: we kijken er meteen naar.
`,
		"confirm.spoken":        "{{if .Back}}Sinds {{.Back}} slagen al onze controles van {{.Services}} weer.{{else}}Voor zover wij weten werkt {{.Services}} weer.{{end}} Werkt ook bij u alles weer?",
		"confirm-again.subject": "[{{.Number}}] Nogmaals: werkt alles weer? {{.Services}}",
		"confirm-again.body": `Beste {{.Customer}},

We hebben nog niet van u gehoord of alles weer werkt: {{.Services}}.

{{with .Link}}Ja of nee, zonder wachtwoord: {{.}}

Of beantwoord deze mail{{else}}Beantwoord deze mail{{end}} met JA of NEE op de eerste regel. Schrijf na een NEE daaronder wat niet werkt: we kijken er meteen naar.
`,
		"confirm-again.spoken": "We hebben nog niet van u gehoord: werkt bij u alles weer? {{.Services}}.",
		"summary.subject":      "[{{.Number}}] Samenvatting: {{.Services}}",
		"summary.body": `Beste {{.Customer}},

De storing van {{.Services}} {{if .Unchecked}}die om {{.Begun}} begon, is afgesloten. We hebben niet kunnen controleren of de dienst terug is. Laat het ons weten als iets niet werkt.
{{- else}}van {{.Begun}} tot {{.Back}} ({{.Lasting}} minuten) is afgesloten.
{{- end}}

Oorzaak: {{.Cause}}
Oplossing: {{.Solution}}
{{- if .Prevention}}
Om herhaling te voorkomen: {{.Prevention}}
{{- end}}
{{with .Link}}
Hoe deden we het? Eén klik, zonder wachtwoord: {{.}}
{{end}}`,
		"summary.spoken": "De storing van {{.Services}} is afgesloten.{{if .Unchecked}} We hebben niet kunnen controleren of de dienst terug is. Laat het ons weten als iets niet werkt.{{end}} Oorzaak: {{.Cause}} Oplossing: {{.Solution}}{{if .Prevention}} Om herhaling te voorkomen: {{.Prevention}}{{end}}",
	},
}

// templates are the sources, parsed.
var templates = parse()

func parse() map[string]map[string]*template.Template {
	parsed := map[string]map[string]*template.Template{}
	for language, texts := range sources {
		parsed[language] = map[string]*template.Template{}
		for name, source := range texts {
			parsed[language][name] = template.Must(template.New(language + "/" + name).Parse(source))
		}
	}
	return parsed
}
