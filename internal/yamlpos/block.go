package yamlpos

import (
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Block is a part of a file that somebody else's reader reads, by rules of its
// own. A field of this type takes what stands there as it is; call
// [Block.Plain] before looking into it.
type Block struct {
	file string
	node *yaml.Node
}

// Given reports whether the file has such a part.
func (b Block) Given() bool { return b.node != nil }

// Dir is the directory of the file, at which its relative paths start.
func (b Block) Dir() string { return filepath.Dir(b.file) }

// Pos returns where the block stands.
func (b Block) Pos() Pos {
	if b.node == nil {
		return Pos{File: b.file}
	}
	return Pos{b.file, b.node.Line, b.node.Column}
}

// Entries returns the entries of a list, none of anything else.
func (b Block) Entries() []Block {
	if b.node == nil || b.node.Kind != yaml.SequenceNode {
		return nil
	}
	entries := make([]Block, len(b.node.Content))
	for i, n := range b.node.Content {
		entries[i] = b.at(n)
	}
	return entries
}

// Keys returns the keys of a mapping in their order, and Value what stands
// behind one; the zero Block where there is none.
func (b Block) Keys() []Block {
	var keys []Block
	if b.node != nil && b.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(b.node.Content); i += 2 {
			keys = append(keys, b.at(b.node.Content[i]))
		}
	}
	return keys
}

// Value is described at [Block.Keys].
func (b Block) Value(key string) Block {
	if b.node != nil && b.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(b.node.Content); i += 2 {
			if b.node.Content[i].Value == key {
				return b.at(b.node.Content[i+1])
			}
		}
	}
	return Block{file: b.file}
}

// Text is what a scalar says, "" for anything else.
func (b Block) Text() string {
	if b.node == nil || b.node.Kind != yaml.ScalarNode {
		return ""
	}
	return b.node.Value
}

func (b Block) at(n *yaml.Node) Block { return Block{b.file, n} }

// maxBlockNodes bounds what a block holds once its aliases are written out.
const maxBlockNodes = maxAliased

// Plain returns the block with everything written out that stood behind aliases,
// each value at its anchor's place: what is not plain may contain itself. The
// error is of type [Problems].
func (b Block) Plain() (Block, error) {
	if b.node == nil {
		return b, nil
	}
	left := maxBlockNodes
	n, err := plain(b.node, &left)
	if err != nil {
		return Block{file: b.file}, Problems{{Pos: b.Pos(), What: err.Error()}}
	}
	return Block{b.file, n}, nil
}

// Node is what [yaml.Marshal] writes; nil for a block that is not there.
func (b Block) Node() *yaml.Node { return b.node }

func plain(n *yaml.Node, left *int) (*yaml.Node, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("aliases stand for more than %d values", maxBlockNodes)
	}
	if n.Kind == yaml.AliasNode {
		return plain(n.Alias, left) // an anchor within itself runs into the bound
	}
	copied := *n
	copied.Anchor, copied.Content = "", make([]*yaml.Node, len(n.Content))
	copied.HeadComment, copied.LineComment, copied.FootComment = "", "", ""
	for i, c := range n.Content {
		var err error
		if copied.Content[i], err = plain(c, left); err != nil {
			return nil, err
		}
	}
	return &copied, nil
}
