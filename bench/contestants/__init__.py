"""What is measured: the gateway (`gateway`) and its alternatives (`proxies`). Their files stand in a folder each."""
