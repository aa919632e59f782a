"""Words that are frequent in questions and papers of every field and so say little about what either is about.

Unlike stop words they are not ignored: "shorten life" is a little more than "life". They come on top of the research
filler of `models.extractive.lexicon`; one inflection of each stands for all, since stems are compared.
"""

from typing import Final

COMMON_WORDS: Final = """
abandon ability abolish absorb accelerate accept access accompany account accumulate accuracy accurate achieve act
action active add additional adequate adjust admit adopt adult advise afraid agree aim allow alone alter alternative
amazing announce annual answer anybody anyone anything appeal appear application apply appreciate appropriate approve
area argue arise arrange arrive ask assess assist assume attempt attend attract attribute available avoid aware away
awful back bad balance basic basis bear beat beautiful begin behave belong bend biggest block boost bother bottom
bound break brief bright bring broad build burn calculate call calm care carry catch cease celebrate central challenge
chance change characteristic cheap cheaper cheaply check choice choose circumstance claim class clear clever close
collect combat combine come comfort command comment commit comparison compete complain complete complex component
comprehensive concentrate concept concern conclusion condition confirm confuse conquer consider consist constant
contain content continue control conventional convert convince cope correct cost count country cover crazy create
critical crucial curious custom cut daily danger dare day dead deal debate decent decide declare decline dedicate deep
deeply defeat defend define delay deliver deny derive description design desire destroy detect deteriorate devote
difficult dig diminish direct disagree disappear disappoint discourage discover discovery discuss displace display
dispute distant distinct distribution disturb divide dominate double doubt dozen dramatic draw drive drop dull eager
early ease easy elaborate element eliminate emerge emphasis empirical empty enable encourage end endure engage enjoy
enormous enough ensure enter equal error essential establish estimate evaluate event everybody everyone everything
evolve exact exaggerate exceed excellent excessive excite exclude execute exhaust expand expect expensive experience
experimental explanation explode exploit explore expose express extend extraordinary extreme face fact fade fail
failure fair fake fall false familiar famous fancy fast faster favor feature feel field fight figure fill final fine
firm fit fix flat flexible focus follow fool force forget forgive form formal former forward foster fragile free
freely frequent fresh friendly front fulfil full fully fun function fundamental funny further future gain gather
generate gentle genuine getting given glad glance global go goal grab grand grant grateful greatest gross grow growth
guarantee guess guide half halt hand handle hang hard hate hear heavily heavy hide hit hold holy honest hope horrible
hour huge hundred hurry hurt idea ideal identify ignore illustrate imagine immediate immense impose impossible impress
incredible independent induce inevitable inform inherent initial inside inspire install intend intense intent interact
interpret intervention introduce invent invite item join joint jump keep kick lack last late lay lean leap learn leave
legitimate lengthen lessen let liberate lie lift light limit line list listen little load local locate logical longer
loose lose lot loud love lucky mad magnificent maintain manage mark matter meaningful measure meet member mention mere
middle million mind minimise minor miss mistake mix model modest modify month motivate move multiple mystery name
narrow nasty neat necessary negative neglect next nice nobody normal notable note notice notion numerous obey object
obtain obvious odd offer okay open operate opinion oppose opposite optimal option order ordinary other otherwise
outperform outside outstanding overcome owe pair pale part partial pass past patience pattern pay peculiar people
perceive perfect perform perhaps period permanent permit persist person perspective persuade phase phenomenon pick
piece place plain plan play pleasant plenty plus point poor pop portion position possess postpone pour power practice
praise precious precise predict predominant prefer prepare presence present preserve pressing pretend pretty previous
pride primary principle prior probable problem procedure proceed process produce product program project prolong
prominent prompt prone proof proper property proportion propose protect proud prove provide publish pull pure purpose
pursue push put puzzle qualify qualitative quality quantify quantitative quick quiet quit range rank rapid rare reach
react reaction read ready real realise reality rebuild recall receive recognise recommend refer reflect refuse region
regular reject relief relieve rely remain remarkable remember remind remote remove render repair repeat replace
represent request require rescue reserve resolve resource respond response rest restore restrict retain return reveal
reverse revise rich ride ridiculous right ring rise risk root round ruin rule run rush sad safety satisfy save scale
scatter scenario science scientific scientist scope search secret secure seek seem select send sense separate series
serious serve set settle severe shake shallow shape share sharp shift shine shoot shorten shout shrink shut side sign
silly similar simple simultaneously single sit site situation size skip slightly slip slow slower smart smooth sole
solid solution solve somebody someone something somewhat soon sorry sort source space speak special specify speed
spend spite split spot spread squeeze stable stage stand standard stare start statistical stay steep step stick stir
stop straight strange strategy strength stretch strict strike strip strive stronger structure struggle stuff stupid
subsequent substitute subtle sudden sue suffer sufficient suit super superior support suppose sure surface surprise
surprisingly surround survey suspect sustain sweet swing switch system tackle talk target task tear technology
temporary tempt tend terrible terrify test theory thick thin thoroughly thousand threat threaten throw tie tight tiny
tired together tool top toss touch tough trace track trait transition treat treatment tremendous trend trial trick
trigger trouble truth try turn twentieth twice twist unable unclear uncommon undergo underlie undermine underperform
undertake unequal unexpected unfair unfortunate unique unit unknown unnecessary unusual update upper upset urge urgent
user usual utter vague valid vanish variable variation variety vary vast verify version view visible vital volume
vulnerable wait wake walk wander warn wash watch weak weaken wear week weigh weird welcome wide willing win wipe wise
wish withdraw witness wonder word world worldwide worried worry worsen worth worthwhile wrap write wrong yield young
"""
