"""A second opinion on the tweet's bytes: Avro's binary form of com.brandpulse.Tweet, nothing of ours.

Five fields in order: tweetId string, timestamp long, text string, brand string, sentiment string.
A long is a zigzag varint; a string is its length, as a long, and UTF-8.
"""
import collections
import uuid

Tweet = collections.namedtuple("Tweet", "tweet_id timestamp text brand sentiment")


def _long(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _string(data, at):
    length, at = _long(data, at)
    if length < 0 or at + length > len(data):
        raise ValueError(f"a string of {length} bytes at {at} of {len(data)}")
    return data[at:at + length].decode("utf-8"), at + length


def decode(data):
    tweet_id, at = _string(data, 0)
    timestamp, at = _long(data, at)
    text, at = _string(data, at)
    brand, at = _string(data, at)
    sentiment, at = _string(data, at)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left over")
    return Tweet(tweet_id, timestamp, text, brand, sentiment)


def complaints(tweet):
    """What is not as a tweet should be."""
    found = []
    if uuid.UUID(tweet.tweet_id).version != 8:
        found.append(f"{tweet.tweet_id} is no UUID of version 8")
    if tweet.sentiment not in ("positive", "negative", "neutral"):
        found.append(f"sentiment '{tweet.sentiment}'")
    if not 0 < len(tweet.text) <= 255:
        found.append(f"{len(tweet.text)} characters")
    if tweet.brand not in tweet.text:
        found.append(f"'{tweet.text}' does not name {tweet.brand}")
    return found
