"""Words that are frequent in questions and papers of every field and so say little about what either is about.

Ordinary verbs (with their irregular forms), adjectives, adverbs and abstract nouns, units, the asker's kin. Unlike stop
words they are not ignored: "shorten life" is a little more than "life". They come on top of the research filler of
`models.extractive.lexicon`; one inflection of each stands for all, since stems are compared, and for its comparative.
"""

from typing import Final

COMMON_WORDS: Final = """
abandon ability aboard abolish abrupt absence absent absolute absolutely absorb absurd abundance academic accelerate
accept access accident acclaim accompany accomplish account accumulate accuracy accurate accuse accustom achieve
acknowledge acquire acre act action activate actively acute adapt add additional address adept adequate adjacent adjust
admire admit adopt adult adventure advice advise advocate affair afford afraid afterwards agenda agent aggressive agree
agreeable ahead aim albeit alive allocate allot allow almighty alone alongside aloud alright alter alternative
altogether amass amazing ambitious amend ample amplify amuse analogous angry announce annual anomaly answer anti
anticipate anybody anyhow anyone anything anyway anywhere apart apparent apparently appeal appear application apply
appoint appreciate appropriate approve apt arbitrary area arguable argue argument arise arose arrange arrive ashamed
aside ask aspect aspire assert assess assign assist assume assumption assure astonish ate attach attain attempt attend
attention attitude attract attribute aunt authentic automatic avail avoid awake award aware away awful awkward
awkwardly awoke back background badly balance ban bang bare barely bargain barrier bash basic basically basis battle
bear beat beautiful became began begin begun behalf behave behaviour behind belief belong beloved bend bent beset bet
betray beware bigger biggest biology bit bitten bitter bizarre blame blend bless blew block bloke blow blown bold bonus
boost boring bother bottom bought bound boundary brave breach breadth break breakthrough brief bright brilliant bring
broad broader broadly broke brought brutal buddy build built bump bunch bundle burden burst busy buzz calculate call
calm came care careless carry catch category caught caution cautious cease celebrate celsius cent central challenge
chance chapter character characteristic chase cheap cheaper cheaply check chemical chemistry chief chiefly choice
choose chop chore chose chosen chunk circumstance cite claim clarify clarity class classic clean clear clever cleverer
cling close closely clue clung coincidence collaborate collapse collect combat combine come comfort command commence
comment commit commonly community comparison compel compensate compete compile complain complaint complete complex
complicate compliment component compose comprehensive comprise compromise conceal concede conceive concentrate concept
concern conclusion concrete condemn condition conduct confer confess confine confirm conflict conform confront confuse
congratulate conquer conquest consecutive consent consider consist conspicuous constant constantly constitute constrain
constraint construct consult contact contain contemporary contend content contest continue contradict contrary contrast
control controversial convenient conventional converge converse convert convey convince cope core corner correct
correspond cost count counter country couple courage course cover coward craft cram crash crashed craze crazy create
creation creative credible crept criterion critical cross crucial crucially crush cry culminate cumulative curious
custom cut dad daddy daily damage danger dare darken dash date day dead deadline deal dealt dear debate debunk deceive
decent decide decisive declare dedicate deed deem deep deeper deeply defeat defect defence defend define definite
definitely degree delay deliberate deliberately delicate delight deliver demand demise deny depart deploy depth derive
descend description deserve design desirable desperate destine destroy destruction detail detect deteriorate
detrimental deviate device devise devote dictate die difficult dig dilemma diminish dip direct directly disagree
disappear disappoint discard discern discipline disclose discontinue discourage discourse discover discovery discrete
discuss disgrace dismiss disperse displace display disprove dispute disrupt dissolve distant distinct distinguish
distort distribution disturb ditch dive diverse divide document dodge dollar dominate donate doom double doubt downside
drag dramatic drank drastic draw drawn drew drive driven drop drove dual dub dug dull dump duration duty eager earnest
ease easily easy eaten edge effort elaborate elapse element elevate eligible eliminate elsewhere embark embed embody
embrace emerge emphasis empirical empty enable encompass encounter encourage end endanger endless endorse endure
enforce engage enjoy enlarge enlighten enormous enough enrich ensure entail enter entertain enthusiasm entirely entitle
entity entrance environment envision epoch equal equally equip equivalent era err errand error escalate escape essence
essential essentially establish estimate eternal eur euro evaluate evenly event eventual eventually everlasting
everybody everyday everyone everything everywhere evil evoke evolve ex exact exactly exaggerate exceed excel exception
excess excite exclude exclusive excuse execute exempt exert exhaust exhibit expand expect expend expensive experience
experimental expert explanation explicit explicitly explode exploit explore expose exposure express extend extension
external extraordinary extreme extremely fabulous face facet facilitate fact factual fade fahrenheit fail failure fair
fairly fake fallen false familiar famous fancy faraway fault favor favour favourable favourite feasible feature fee
feel feet fell fellow felt fiddle field fierce fight figure fill final finally fine finish firm fit fix flat flaw fled
flew flexible flip flourish flown focus foe folk folks follow fond fool foot forbid force foremost foresee forever
forget forgive forgot forgotten form formal format former formerly formula formulate forthcoming forward foster fought
foundation fraction fragile frail framework frankly free freely frequency frequent fresh friend friendly front froze
fulfil fully fun function fundamental funny furious further fuss future fuzzy gain gallon gap gather gave gbp generate
gentle gentleman genuine giant given glad glance glimpse global go goal gobble gone gorgeous got gotten grab grace
grade gradual gradually gram grand grandfather grandma grandmother grandpa granny grant grasp grateful grave greatest
greatly grew grip gross ground grow grown growth grudge guarantee guess guide guideline guy half halt hand handle handy
hang hard hardly harness harsh hassle hate haul headline hear heard heave heavier heavily heavy hectare height heighten
held hero hid hidden hide hierarchy highlight hinder hint hire historic history hit hold holy honest honestly honour
hop hope hopefully horrible horror hostile hottest hour hover huge humble humongous hung hurdle hurry hurt husband hype
hypothesis hypothetical icon idea ideal ideally identical identify idle ignore illusion illustrate imaginary
imagination imbalance immediate immediately immense impede imperative imperfect implement implicit imply impose
impossible impractical impress inability inaccurate inadequate inappropriate incapable incentive incomplete
inconsistent incorrect incredible incredibly incur indefinite independent indifferent indirect indispensable induce
inevitable inevitably infer inform ingredient inherent initial initially inner input inquiry insert inside insight
insist inspire install instance instant instantly institution instruct insufficient integral intend intense intent
interact interchange interfere interior intermediate internal interpret interrupt intersect intervene intervention
intimate intricate intrigue intrinsic introduce invent inverse invite invoke irregular irrelevant item iterate jam
jargon join joint joke joy judgement jump junior justify keen keep kept kg kick kill killer kilo kilogram kilometer
kilometre km knack knew knock label lack laid lain landmark largely last lately latter laugh launch lay leader lean
leap leave led legacy legitimate length lengthen lengthy lent lessen lesser lesson liberate lick lie lift light lighter
likelihood likewise limit line linger list listen lit liter literally litre little lively load local locate logical
loop loose lord lose lost lot loud love lowest lucky lump luxury mad made magnificent magnitude mainly mainstream
maintain manage manifest manipulate manner mansion map mark marvel mash massive matter maturity maximise maximum
meaningful meant measure mediate medium meet member mention mere merge merit merry mess message messy met meter metre
middle mild mile mimic mind minimal minor minute miserable misleading miss mission mistake mix mode model moderate
modest modify mom mommy month morning mostly motivate mount move movement multi multiple multiply multitude mum mummy
mutual myriad mysterious myth nab naive naked name namely narrow narrower nasty nearby nearest neat necessarily
necessary needless negative neglect negligible neighbour nerd net newest newly next nice nicer nickname noble nobody
nominal non nonsense norm normal normally notable notably note notice notion notorious nowadays nowhere nudge nuisance
numerous oath obey object obstacle obtain obvious obviously occasion occasional occasionally occupy odd odds offer
officially offset okay oldest ones ongoing onset open operate opinion opponent opportunity oppose opposite opt optimal
optimum option order ordinary origin originally other others otherwise ought ounce outline outlook outperform output
outside outstanding outweigh overcome overlap overlook overtake overthrow overturn overwhelm owe ownership pace pack
package paid pair pal pale paradigm paradox parallel part partial partially partly partner partnership pass passion
passive past pastime path patience patient pattern pave pay peak peculiar peel perceive percent percentage perception
perfect perfectly perform perhaps period permanent permit persist perspective persuade pertain pervasive phase
phenomenon physical physics pick picture piece pile pinch pioneer pity pivotal place plain plan plausible plea pleasant
pleasure plenty plot plug plunge plus point poke poor pop portion portray pose position possess possibly post postpone
potentially pound pour power practical practically pragmatic praise prank pre preach precede precious precise precisely
precision predecessor predominant preliminary premise prepare presence present preserve preside pressing pressure
presumably pretend pretty prevail prevalence previous previously pride primarily primary primitive principle prior
pristine probable probably problem procedure proceed process proclaim produce product profile profound program prohibit
project prolong prominence promise prompt prone pronounce proof proper properly property proponent proportion proposal
prospect protect prototype proud prove proverb provide provision provoke pull punch pure purely purpose pursue push
pushing put puzzle qualify qualitative quality quantify quantitative quarrel quarter quest quick quicker quiet quit
quote ran rang range rank rant rapid rare rarely rather rattle raw re reach react reaction read reader readily ready
realise reality rearrange reasonably reassure rebuild recall recap receive reckon recognise recommend reconcile
reconsider reconstruct recover recovery redefine refer reflect refresh refusal refute regain regime region regret
regular rehearse reinforce reject relatively relax release reliance relief relieve relocate reluctant rely remain
remainder remark remedy remember remind remote remove render renew repair repeat replace reply reportedly represent
representation reputation request require rescue resemble reserve resilience resolve resource respond response rest
restore restrict resume retain retreat return reuse reveal reverse revise revolutionary rewrite rich richer ridden
riddle ride ridicule right rigorous ring risen risk rode root rose roughly round routine row rub rubbish rude ruin rule
rumour run rush sad safety saga sake sang sank sat satisfaction satisfactory satisfy save scale scandal scarcely
scatter scenario scene schedule scheme science scientific scientist scoop scope score scrape scrutiny search second
secondary section secure seek seem select semi send sensation sense sensible sensitive sent separate sequence series
serious seriously serve set setback settle severe shadow shake shaken shallow shame shape share sharp sharper sharply
shatter shave sheer shift shine shone shook shoot shortcut shorten shout shove shown shrank shrink shrug shrunk shut
side sign silent silly similar simple simpler simplicity simplify simultaneous single sit site situate size skill skip
slam slap slept slice slid slight slim slip slogan slowly smart smarter smear smooth snag snap snatch sneak sniff soak
society sold sole solely solid solo solution solve somebody someday someone something sometime somewhat soon sooner
sophisticated sorry sort sought sound sour source space spare speak special specify spectacular speculate speed spend
spent spill spirit spiritual spite split spoil spoke spoken spokesman spontaneous spot sprang spread spur squarely
squash squeeze stab stability stable stack stage stain stake stance stand standard stare stark start startle statement
static statistical stay steadily steady steal steep steeply step stick sticky stint stir stitch stole stolen stone
stood stop store story straight straightforward strand strange strategic strategy strength stretch strict stricter
strike strip strive stroll struck structural struggle stuck stuff stumble stupid style sub submit subsequent substitute
subtle subtract succeed suck sudden suddenly sue suffer sufficient suit suitable sum summarise summary summit sung sunk
super superb superficial supplement support suppose supposedly suppress supreme sure surely surface surpass surprise
surprisingly surrender surround survey survive susceptible suspect suspend suspicion sustain swam sweet swept swift
swing switch swore sworn swung symbol system systematic table tackle tactic tailor taken tale talent talk tangle tap
target task taught teach tear tease technical technology temporary tempt tend tentative terrible terrific terrify test
testify thank theme theoretical theory thereby thick thicker thin thinner thorough thoroughly thought threat threaten
threshold threw thrill thrive throw thrown tickle tidy tie tight tighter tilt tiny tired title toast together toil told
ton tone tonne took tool top tore torn toss totally touch touchy tough tougher trace track tragic trail trait transfer
transition treat tremendous trend trial trick trigger trip trivial trouble troublesome truth try tuck tug turn turnover
twentieth twice twirl twist typically ugly ultimately un unable unacceptable unaffected unavoidable unbelievable
uncertain uncertainty unchanged uncle unclear uncommon uncover underestimate undergo underlie undermine underneath
underperform understood undertake undone undoubtedly unequal unexpected unfair unfortunate unfortunately uniform unify
unique unit unknown unlock unnecessary unprecedented unravel unrealistic unreliable unresolved unusual unveil update
upgrade uphold upper upset upside upward urge urgent usd useless user usher usual utter vague valid valuable vanish
variable variation variety vary vast verdict verify versatile verse version viable vibe vicious view virtually visible
visit vital vivid volume voluntary vulnerability wag wait wake walk wander warn warning wash watch weaken wear week
weigh weird welcome went whatsoever whenever wherever whichever whim whip whisper wholly wide widely widespread wife
wildly willing willingness win wipe wisdom wise wish wit withdraw withhold withstand witness wobble woke won wonder
word wore workable world worldwide worn worried worsen worth worthwhile worthy wove wrap wreck write written wrong
wrote wrung yank yard yell yen yesterday yield young
"""
