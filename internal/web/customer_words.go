package web

// customerWords are the words of customers' pages, by language.
var customerWords = map[string]map[string]string{
	"en": {
		"title": "Does everything work again?", "what": "What happened", "since": "did not answer from", "still": "has not answered since", "unwell": "answers, and is not all well. It began at", "to": "to", "minutes": "minutes",
		"backSince": "All our checks have been answering again since then.", "closed": "This incident has been closed.",
		"cause": "Cause", "solution": "Solution", "prevention": "To prevent it from happening again",
		"question": "Does everything work for you, too?", "yes": "Yes, everything works", "no": "No, not everything works", "words": "What does not work, or anything else you want to tell us",
		"saidYes": "Thank you. You said that everything works. If that changes, tell us here.", "saidNo": "Thank you. You said that not everything works. Our engineer on duty has been called.",
		"saidNoMore": "If everything works by now, tell us here.", "notNow": "Service is not back yet. You will hear from us as soon as it is.",
		"closedNo": "If something does not work, tell us here: it will be taken up again.", "opened": "Thank you. It has been taken up again, under the number",
		"wrong":    "Please choose one of the two answers.",
		"feedback": "How did we do?", "feedbackAsk": "From 1, badly, to 5, very well", "feedbackWords": "What could we do better?", "send": "Send",
		"feedbackThanks": "Thank you. You can still change your answer.", "feedbackWrong": "Please choose a number from 1 to 5.", "feedbackNotNow": "This can be answered once the incident is closed.",
	},
	"nl": {
		"title": "Werkt alles weer?", "what": "Wat er is gebeurd", "since": "was niet bereikbaar van", "still": "is niet bereikbaar sinds", "unwell": "is bereikbaar, maar nog niet helemaal in orde. Het begon om", "to": "tot", "minutes": "minuten",
		"backSince": "Sindsdien slagen al onze controles weer.", "closed": "Deze storing is afgesloten.",
		"cause": "Oorzaak", "solution": "Oplossing", "prevention": "Om herhaling te voorkomen",
		"question": "Werkt ook bij u alles weer?", "yes": "Ja, alles werkt", "no": "Nee, niet alles werkt", "words": "Wat niet werkt, of wat u verder wilt melden",
		"saidYes": "Dank u wel. U liet weten dat alles werkt. Verandert dat, laat het ons dan hier weten.", "saidNo": "Dank u wel. U liet weten dat niet alles werkt. Onze dienstdoende engineer is gewaarschuwd.",
		"saidNoMore": "Werkt inmiddels alles, laat het ons dan hier weten.", "notNow": "De dienst is nog niet terug. U hoort van ons zodra dat zo is.",
		"closedNo": "Werkt er iets niet, laat het ons dan hier weten: we pakken het weer op.", "opened": "Dank u wel. We hebben het weer opgepakt, onder nummer",
		"wrong":    "Kies een van de twee antwoorden.",
		"feedback": "Hoe deden we het?", "feedbackAsk": "Van 1, slecht, tot 5, heel goed", "feedbackWords": "Wat kunnen we beter doen?", "send": "Versturen",
		"feedbackThanks": "Dank u wel. U kunt uw antwoord nog veranderen.", "feedbackWrong": "Kies een getal van 1 tot 5.", "feedbackNotNow": "Dit kunt u beantwoorden zodra de storing is afgesloten.",
	},
}
