#!/usr/bin/env python3
"""What a good script does for one job: compare declared Partium pairs with the live ones.

The competitor of `end_to_end.py --compare`: made for exactly this job and nothing else, with the fastest common libraries (libyaml's C
loader, aiohttp). It loads the entries, reads every page of the list, and prints the two differences. No positions, no checks, no guards.

    fair_script.py MANIFEST URL TOKEN
"""

import asyncio
import sys

import aiohttp
import yaml

PATH = "/1/catalog/assignments/organizations/list"


def declared(path):
    with open(path, "rb") as file:
        documents = yaml.load_all(file, Loader=yaml.CSafeLoader)
        sets = [document for document in documents if document["kind"] == "PartiumAssignments"]
    return {(entry["ass_id"], entry["org_id"]) for each in sets for entry in each["spec"]["assignments"]}


async def live(url, token):
    pairs, cursor = set(), None
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        while True:
            paging = {"limit": 1000} if cursor is None else {"limit": 1000, "last_object_id": cursor}
            async with session.post(url + PATH, json={"query": {}, "paging": paging}) as answer:
                answer.raise_for_status()
                page = await answer.json()
            pairs.update((row["ass_id"], row["org_id"]) for row in page["result"])
            if not page["more_data"]:
                return pairs
            cursor = page["last_object_id"]


def main():
    manifest, url, token = sys.argv[1:]
    wanted = declared(manifest)
    there = asyncio.run(live(url, token))
    for sign, pairs in (("+", wanted - there), ("-", there - wanted)):
        for ass_id, org_id in sorted(pairs):
            print(sign, ass_id, org_id)
    print(f"{len(wanted & there)} unchanged")


main()
