"""How tasks stand to one another: groups, edges, setups and teardowns, XComs as arguments."""
