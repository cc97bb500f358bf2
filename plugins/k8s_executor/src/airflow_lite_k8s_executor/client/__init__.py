"""What the executor needs of Kubernetes: five calls, and a few more for commands.

Plain JSON goes in and comes out. The official client is 163 MB for these calls; lightkube brings
15 distributions, among them a second HTTP stack. urllib3 alone has what is hard: pooled
connections, TLS, proxies, and time-outs of each read.
"""
