package web

// technicianWords are the words of the technician's page, by language.
var technicianWords = map[string]map[string]string{
	"en": {
		"title": "Work order", "now": "Where it stands", "where": "Where", "site": "Site", "room": "Room", "rack": "Rack", "unit": "Unit", "server": "Server", "serial": "Serial number", "asset": "Asset tag",
		"code": "Access code", "reference": "Reference", "callBack": "Call us", "cost": "May cost up to", "codeLater": "The access code is shown once you have accepted.",
		"draft": "not given out yet", "approved": "waits for you", "sent": "waits for you", "unanswered": "waits for you, and is late", "acknowledged": "accepted", "on_site": "you are on site", "done": "done", "refused": "refused", "cancelled": "called off",
		"accept": "I accept", "onSite": "I am on site", "handsIn": "My hands are in the rack", "handsOut": "My hands are out of the rack", "finish": "Done", "refuse": "I cannot do this", "why": "Why not",
		"handsAre":      "Your hands are in the rack. Until you say that they are out, nothing in this rack is switched from a distance.",
		"wait":          "WAIT: a command for power in this rack may be under way. Do not reach in, and telephone us.",
		"handsOutFirst": "Say that your hands are out of the rack before you finish.",
		"asked":         "What we ask", "save": "Save what is done", "not": "What not to touch", "notWords": "No other server, cable, switch or power strip in this rack. No disk is pulled without our word. If the serial number differs: stop, and call us.",
		"findings": "What you find", "add": "Add", "photos": "Photographs", "photo": "A photograph", "caption": "What it shows", "sendPhoto": "Send the photograph", "sentPhotos": "sent",
		"parts": "Parts that you replaced", "part": "Part", "old": "Old serial number", "new": "New serial number",
		"machine": "The whole server or its main board was replaced", "machineWords": "Engineers check this before anything is switched from a distance again.", "newSerial": "Serial number of the new machine", "report": "Report",
		"over": "This order is over. Thank you.", "whole": "The order in full",
	},
	"nl": {
		"title": "Werkopdracht", "now": "Stand van zaken", "where": "Waar", "site": "Locatie", "room": "Zaal", "rack": "Rack", "unit": "Hoogte", "server": "Server", "serial": "Serienummer", "asset": "Inventarisnummer",
		"code": "Toegangscode", "reference": "Referentie", "callBack": "Bel ons", "cost": "Mag kosten tot", "codeLater": "De toegangscode ziet u zodra u de opdracht hebt aangenomen.",
		"draft": "nog niet verstrekt", "approved": "wacht op u", "sent": "wacht op u", "unanswered": "wacht op u, en is te laat", "acknowledged": "aangenomen", "on_site": "u bent ter plaatse", "done": "klaar", "refused": "geweigerd", "cancelled": "ingetrokken",
		"accept": "Ik neem het aan", "onSite": "Ik ben ter plaatse", "handsIn": "Mijn handen zijn in het rack", "handsOut": "Mijn handen zijn uit het rack", "finish": "Klaar", "refuse": "Ik kan dit niet doen", "why": "Waarom niet",
		"handsAre":      "Uw handen zijn in het rack. Tot u meldt dat ze eruit zijn, wordt in dit rack niets op afstand geschakeld.",
		"wait":          "WACHT: er kan een schakelopdracht in dit rack onderweg zijn. Kom niet in het rack, en bel ons.",
		"handsOutFirst": "Meld eerst dat uw handen uit het rack zijn.",
		"asked":         "Wat wij vragen", "save": "Bewaar wat gedaan is", "not": "Waar u afblijft", "notWords": "Geen andere server, kabel, switch of stekkerdoos in dit rack. Geen schijf wordt zonder ons akkoord uitgenomen. Klopt het serienummer niet: stop, en bel ons.",
		"findings": "Wat u aantreft", "add": "Toevoegen", "photos": "Foto's", "photo": "Een foto", "caption": "Wat erop staat", "sendPhoto": "Verstuur de foto", "sentPhotos": "verstuurd",
		"parts": "Onderdelen die u hebt vervangen", "part": "Onderdeel", "old": "Oud serienummer", "new": "Nieuw serienummer",
		"machine": "De hele server of het moederbord is vervangen", "machineWords": "Engineers controleren dit voordat er weer iets op afstand wordt geschakeld.", "newSerial": "Serienummer van de nieuwe machine", "report": "Melden",
		"over": "Deze opdracht is voorbij. Dank u wel.", "whole": "De hele opdracht",
	},
}
