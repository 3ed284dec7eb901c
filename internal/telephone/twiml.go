package telephone

import "encoding/xml"

// twiml is the part of Twilio's markup that a call needs. The order of the fields
// is the order in which it is carried out.
type twiml struct {
	XMLName  xml.Name  `xml:"Response"`
	Pause    *pause    `xml:"Pause"`
	Say      *say      `xml:"Say"`
	Gather   *gather   `xml:"Gather"`
	Redirect *redirect `xml:"Redirect"`
	Hangup   *struct{} `xml:"Hangup"`
}

type pause struct {
	Length int `xml:"length,attr"`
}

type say struct {
	Language string `xml:"language,attr"`
	Text     string `xml:",chardata"`
}

type gather struct {
	Input   string `xml:"input,attr"`
	Digits  int    `xml:"numDigits,attr"`
	Timeout int    `xml:"timeout,attr"`
	Action  string `xml:"action,attr"`
	Method  string `xml:"method,attr"`
	Say     say    `xml:"Say"`
}

type redirect struct {
	Method string `xml:"method,attr"`
	URL    string `xml:",chardata"`
}

// twilioVoices are the languages under Twilio's names.
var twilioVoices = map[string]string{"en": "en-GB", "nl": "nl-NL"}

func spoken(language, text string) *say { return &say{twilioVoices[language], text} }

func (t twiml) String() string {
	text, err := xml.Marshal(t)
	if err != nil {
		panic("telephone: markup of fixed types can always be written: " + err.Error())
	}
	return xml.Header + string(text)
}
