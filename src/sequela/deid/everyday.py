"""Names that are words of notes, too: in small letters they are taken for the word."""

from __future__ import annotations

__all__ = ["EVERYDAY"]

_WORDS = """
ada ana angel april art asa ash august autumn ava bacon baker ball banks barber baron bass bay
bean beard bell bender berry best bill bird bishop black blank block blood bloom blue bolt bond
bone booth bowl bowman boy brand bridge bright broad brook brooks brown buck bull burn burns bush
butcher butler camp cannon carpenter carter case cash chance chapel chase child chin church clay
cook cool cooper corn cotton couch cox crane crisp cross crow curry dale daily daisy dawn day days
dean dee del dial don door dose dove drew drum duke early east eve fair faith farmer field fields
finger fish fisher flood flowers foot ford foreman forest foster fox frank free freeman french
friend frost fry fuller gage gamble garden gates gay gene german glass gold good grace grant
graves gray green grey grove guy hall hand hands hard hardy harm hay head heart herb high hill
holly home hood hope house hunt hunter hurt ida ill ira iris iron ivy jack jade jean jewel job
join joy judge july june justice key kidney kind king knee knight lake lamb land lane large law
lay leg liberty lily limb little lock long love low lung major male man manual march mark marsh
mason may mean means meek melody mercy mia mild miles mill miller mine minor mist moon moss mouth
nail neck noble noon north nurse oak olive ora outlaw pace page pain palm pam park parker part pat
patience patient peace pearl penny pepper pine pink piper plain plant pope porter post potter
pound power powers price pride prince proctor purple quick rad rain rash ray read red reed rest
rex rice rich ring ripple rise river rivers rob robin rock rod rose rosemary round row royal ruby
rush rust sage salt sample sands sandy savage seal self severe shade sharp shepherd shore short
silver singer skinner slack sleep small smart snow son song south spear speed spring stable star
steel stern stiles still stone storm story street strong stump sue summer summers swan sweet swift
temple thorn tie tiller tongue town towns travel tree true tub turner una urban van vein viola
violet walk walker wall walls ward warm waters way weaver week weeks weight well wells west
wheeler white whole wild will wills willow winter winters wise wolf wood woods word work workman
worth wright young
"""

EVERYDAY = frozenset(_WORDS.split())
"""Words for which "white" or "may" in small letters says nothing of Mrs. White or of May."""
