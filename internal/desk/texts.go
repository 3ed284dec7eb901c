package desk

import "text/template"

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
	},
}

// sources are the texts to customers: what is the matter, what is done and by
// whom, when the next word comes.
var sources = map[string]map[string]string{
	"en": {
		"first.subject": "[{{.Number}}] Outage: {{.Services}}",
		"first.body": `Dear {{.Customer}},

Since {{.Begun}} the following does not answer: {{.Services}}.

{{.Doing}}

You will hear from us again at {{.Next}} at the latest, or as soon as service is back.
Our number for this incident is {{.Number}}.
`,
		"first.spoken":   "Since {{.Begun}}, {{.Services}} does not answer. {{.Doing}} The next word comes at {{.Next}} at the latest. Number {{.Number}}.",
		"update.subject": "[{{.Number}}] Update: {{.Services}}",
		"update.body": `Dear {{.Customer}},

The outage of {{.Services}} that began at {{.Begun}} is not over yet.

{{.Doing}}

You will hear from us again at {{.Next}} at the latest, or as soon as service is back.
`,
		"update.spoken":    "The outage of {{.Services}} is not over yet. {{.Doing}} The next word comes at {{.Next}} at the latest.",
		"restored.subject": "[{{.Number}}] Service is back: {{.Services}}",
		"restored.body": `Dear {{.Customer}},

{{.Services}} has been answering again since {{.Back}}. The outage began at {{.Begun}} and lasted {{.Lasting}} minutes.

We are checking everything once more and will send you a summary.
`,
		"restored.spoken": "{{.Services}} has been answering again since {{.Back}}. A summary follows.",
		"summary.subject": "[{{.Number}}] Summary: {{.Services}}",
		"summary.body": `Dear {{.Customer}},

The outage of {{.Services}} {{if .Unchecked}}that began at {{.Begun}} has been closed. We have not been able to check whether service is back. Please tell us if anything does not work.
{{- else}}from {{.Begun}} to {{.Back}} ({{.Lasting}} minutes) has been closed.
{{- end}}

Cause: {{.Cause}}
Solution: {{.Solution}}
{{- if .Prevention}}
To prevent it from happening again: {{.Prevention}}
{{- end}}
`,
		"summary.spoken": "The outage of {{.Services}} has been closed.{{if .Unchecked}} We have not been able to check whether service is back. Please tell us if anything does not work.{{end}} Cause: {{.Cause}} Solution: {{.Solution}}{{if .Prevention}} To prevent it from happening again: {{.Prevention}}{{end}}",
	},
	"nl": {
		"first.subject": "[{{.Number}}] Storing: {{.Services}}",
		"first.body": `Beste {{.Customer}},

Sinds {{.Begun}} is het volgende niet bereikbaar: {{.Services}}.

{{.Doing}}

U hoort uiterlijk om {{.Next}} weer van ons, of zodra de dienst terug is.
Ons nummer voor deze storing is {{.Number}}.
`,
		"first.spoken":   "Sinds {{.Begun}} is {{.Services}} niet bereikbaar. {{.Doing}} Het volgende bericht komt uiterlijk om {{.Next}}. Nummer {{.Number}}.",
		"update.subject": "[{{.Number}}] Stand van zaken: {{.Services}}",
		"update.body": `Beste {{.Customer}},

De storing van {{.Services}}, begonnen om {{.Begun}}, is nog niet voorbij.

{{.Doing}}

U hoort uiterlijk om {{.Next}} weer van ons, of zodra de dienst terug is.
`,
		"update.spoken":    "De storing van {{.Services}} is nog niet voorbij. {{.Doing}} Het volgende bericht komt uiterlijk om {{.Next}}.",
		"restored.subject": "[{{.Number}}] De dienst is terug: {{.Services}}",
		"restored.body": `Beste {{.Customer}},

{{.Services}} is sinds {{.Back}} weer bereikbaar. De storing begon om {{.Begun}} en duurde {{.Lasting}} minuten.

We controleren alles nog een keer en sturen u een samenvatting.
`,
		"restored.spoken": "{{.Services}} is sinds {{.Back}} weer bereikbaar. Een samenvatting volgt.",
		"summary.subject": "[{{.Number}}] Samenvatting: {{.Services}}",
		"summary.body": `Beste {{.Customer}},

De storing van {{.Services}} {{if .Unchecked}}die om {{.Begun}} begon, is afgesloten. We hebben niet kunnen controleren of de dienst terug is. Laat het ons weten als iets niet werkt.
{{- else}}van {{.Begun}} tot {{.Back}} ({{.Lasting}} minuten) is afgesloten.
{{- end}}

Oorzaak: {{.Cause}}
Oplossing: {{.Solution}}
{{- if .Prevention}}
Om herhaling te voorkomen: {{.Prevention}}
{{- end}}
`,
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
