// Command piket answers first when a server in a datacenter stops answering.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
