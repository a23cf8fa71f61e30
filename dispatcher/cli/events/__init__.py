"""What `dispatcher event` does beside `match`: events are sent, listed, shown."""
