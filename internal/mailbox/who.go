package mailbox

import (
	"slices"
	"strings"
	"unicode"

	"github.com/spinware/piket/internal/inventory"
)

// sender is who has a mail's address in the inventory. It proves nothing.
type sender struct {
	customer inventory.Customer // the zero one for nobody, and where two have the same address
	person   inventory.Person
}

func senderOf(inv *inventory.Inventory, address string) (s sender) {
	if address == "" {
		return s
	}
	same := func(other string) bool { return strings.EqualFold(other, address) }
	found := 0
	for _, c := range inv.Customers {
		if slices.ContainsFunc(c.Email, same) {
			s.customer = c
			found++
		}
	}
	if found > 1 {
		s.customer = inventory.Customer{}
	}
	for _, p := range inv.People {
		if same(p.Email) {
			s.person = p
			break
		}
	}
	return s
}

// stranger reports whether nobody in the inventory has the address.
func (s sender) stranger() bool { return s.customer.Name == "" && s.person.Name == "" }

// maxTokens is how many words of a mail may name a server.
const maxTokens = 5000

// serverOf returns the server that a mail is about: the one of the sender's that
// it names, or their only one; "" when that is not clear. Strangers have none: who
// does not even pretend to be a customer opens no incident about a server.
func serverOf(inv *inventory.Inventory, s sender, text string) string {
	if s.stranger() {
		return ""
	}
	theirs := func(server inventory.Server) bool {
		return s.person.Name != "" || slices.Contains(server.Customers, s.customer.Name)
	}
	var named []string
	words := strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`,;!?()[]{}<>"'/\|=`, r)
	})
	for _, word := range words[:min(len(words), maxTokens)] {
		server, ok := inv.Find(strings.TrimRight(word, ".:"))
		if ok && theirs(server) && !slices.Contains(named, server.Name) {
			named = append(named, server.Name)
		}
	}
	if len(named) == 0 && s.customer.Name != "" {
		for _, server := range inv.Servers {
			if slices.Contains(server.Customers, s.customer.Name) {
				named = append(named, server.Name)
			}
		}
	}
	if len(named) != 1 {
		return ""
	}
	return named[0]
}
