"""Word lists of the extractive model: what is grammar, what is research filler, what is a verb.

Lists are data, chosen by hand for scientific English; matching is on lower-case words unless a name says otherwise.
"""

from typing import Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = _words("""
a an the this that these those it its itself they them their theirs themselves he him his she her hers we us our
ours i me my you your yours who whom whose which what when where why how whether if and or but nor so yet as than
then although though because since until unless while whereas of in on at by for with without within from to into
onto over under above below between among amongst across through throughout during before after against about around
along via per upon toward towards off out up down near beyond despite except like unlike versus vs regarding
concerning is are was were be been being am do does did doing done has have had having can could may might must
shall should will would cannot can't don't doesn't didn't isn't aren't wasn't weren't won't wouldn't what's who's
it's there's let not no none neither either both each every any some all most more less fewer many much few several
other another such same own only just also too very quite rather even still already ever never always often
sometimes usually again once here there now however therefore thus hence moreover furthermore nevertheless
nonetheless otherwise instead meanwhile one two three four five six seven eight nine ten first second third etc et
al cf ie eg viz well indeed else
""")
"""Function words: never a search term, never compared."""

FILLER_NOUNS = _words("""
effect effects impact impacts role roles influence influences relationship relationships relation relations link
links association associations connection correlation evidence literature research study studies paper papers
article articles publication publications publish published dozen hundred thousand million billion trillion finding
findings result results work works review reviews overview summary analysis analyses data question questions topic
topics issue issues thing things way ways kind kinds type types aspect aspects factor factors cause causes reason
reasons consequence consequences implication implications benefit benefits advantage advantages disadvantage
disadvantages drawback drawbacks difference differences extent degree number amount use uses usage example examples
case cases state art status knowledge understanding progress advance advances development developments consensus
effectiveness efficacy mechanism mechanisms method methods approach approaches technique techniques author authors
context term terms year years decade decades century time today participants subjects individuals group groups total
percent percentage ratio interval confidence mean median average value values level levels rate rates baseline
sample samples outcome outcomes change changes increase increases decrease decreases reduction reductions
improvement improvements decline declines rise people persons evidence
""")
"""Nouns that name a kind of question rather than its subject; kept only inside a longer phrase ("placebo effect")."""

FILLERS = _words("""
main major key current recent latest new newer important relevant different various possible potential certain
better worse best worst greater bigger larger largest smaller higher lower longer shorter faster slower safer
cheaper cleaner stronger weaker healthier older younger superior inferior preferable easier harder earlier later
deadlier significant significantly substantial substantially considerable considerably strongly particular
particularly especially specific specifically generally overall typical typically likely unlikely really actually
truly currently recently today nowadays effective effectively efficiently efficacious useful helpful beneficial
harmful successful reliable capable able due based related associated compared according including involved
regarding please tell know known knows understand understood explain explained describe give find found show shows
shown say says said think thought believe look looking interested want need needs see seen make makes made making
get gets take takes taken help helps helped using used lead leads led leading affect affects affected affecting
cause causes caused causing reduce reduces reduced reducing improve improves improved improving influence influences
influenced influencing enhance enhances enhanced enhancing decrease decreases decreased decreasing prevent prevents
preventing promote promotes increase increases increased increasing contribute contributes contributing contributed
determine determines determined determining depend depends happen happens happened happening become becomes became
occur occurs occurred raise raises raised raising compare comparing exist exists suggest suggests suggested indicate
indicates indicated demonstrate demonstrates demonstrated report reports reported observe observed conclude
concluded investigate investigated examine examined respectively treating predicting plays played playing
approximately almost nearly among while far ultimately simply roughly whole entire
""")
"""Adjectives, adverbs and generic verbs that carry no subject of their own."""

SIZES = _words("""
large small big great high low long short strong weak good bad general common modern safe old true full real early
late more most less least rising falling fast slow
""")
"""Adjectives that name nothing alone but belong to some terms ("large language models", "general relativity")."""

EFFECT_VERBS = _words("""
affect reduce increase improve influence impact decrease lower raise change alter harm benefit prevent cause drive
boost shape threaten damage promote enhance worsen limit lead contribute protect delay slow accelerate modify
modulate hinder impair disrupt suppress inhibit stimulate mitigate aggravate exacerbate trigger induce destroy curb
ameliorate
""")
"""Verbs (base form) that make "does X verb Y" a question about the effect of X on Y."""

VERBS = EFFECT_VERBS | _words("""
work help use learn predict reason navigate migrate adapt evolve emerge form develop grow move spread transmit
infect replicate interact communicate respond react behave function operate perform outperform generalise generalize
scale explain describe model represent encode decode process store release absorb emit capture convert produce
generate create make build train solve detect recognise recognize identify classify measure estimate determine
define regulate control manage govern tax ban fund support introduce adopt implement enforce allow enable require
need want know understand become remain exist occur happen arise rise fall decline collapse shrink expand warm cool
melt freeze decay remember forget sleep dream think feel perceive see hear choose decide cooperate compete survive
die live eat feed reproduce mate hunt fly swim sing find discover invent observe show demonstrate prove suggest
indicate imply matter differ vary depend compare relate correlate influence transfer translate pass cross reach
achieve attain sustain maintain preserve protect conserve restore recover regenerate repair heal treat cure diagnose
kill target bind fold replace substitute displace compensate offset pay cost save earn hire invest trade export
import vote reward punish hallucinate memorise memorize acquire contain carry cover drop hold keep lose gain give
take get go come interbreed breed undermine spell edit vaccinate compress begin start stop
end continue persist last stay avoid face meet
follow originate stem come
""")
"""Common verbs in base form, for finding the verb of a question after its auxiliary."""

IRREGULAR = _words("""
given seen known taken found made held kept led lost met paid put read sent set shown sold spent told won went came
became began fell rose grew drove driven died lived born born fed bred built bought brought caught chose chosen cut
""")
"""Irregular past forms, which a noun phrase does not end in."""

ADOPTING = _words("introduce adopt implement use support enforce have allow")
"""Verbs of policy whose object alone is the subject: "should we introduce a carbon tax"."""

PASSIVE_KINDS: dict[str, Literal["history", "measure"]] = {
    **dict.fromkeys(("discovered", "detected", "invented", "found", "observed", "domesticated"), "history"),
    **dict.fromkeys(("measured", "estimated", "calculated", "determined"), "measure"),
}
"""What "how was X done" asks for, by the participle; anything else is asked for an overview."""

NOUN_VERBS = _words("""
account address apply argue assess associate assume attribute calculate cluster combine compute conduct conclude
confer confirm consider consist correspond demonstrate depend derive describe determine discover discuss display
employ enable encounter establish evaluate examine exceed exhibit exist experience explain explore express face fail
find focus follow generate give identify imply improve include incorporate indicate infer introduce investigate
involve lack lead leave make mediate need obtain occur offer outperform perform persist predict present produce
propose provide reach receive recommend reduce reflect remain report require reveal say seem serve show suffer
suggest surpass take tend underlie undergo use utilise utilize vary yield increase decrease decline fall rise grow
drop drive raise lower cause affect achieve become appear arise emerge help allow prevent promote enhance influence
""")
"""Verbs at which a noun phrase of running prose ends."""

NOUN_VERB_FORMS = frozenset(
    form
    for verb in NOUN_VERBS
    for form in (verb, f"{verb}s", f"{verb}es", f"{verb}d", f"{verb}ed", f"{verb[:-1]}ies", f"{verb[:-1]}ied")
)

NOMINAL = {
    "measured": "measurement", "discovered": "discovery", "detected": "detection", "estimated": "estimation",
    "calculated": "calculation", "formed": "formation", "produced": "production", "regulated": "regulation",
    "treated": "treatment", "diagnosed": "diagnosis", "used": "use", "transmitted": "transmission",
    "built": "construction", "trained": "training", "evaluated": "evaluation", "determined": "determination",
    "defined": "definition", "developed": "development", "invented": "invention", "observed": "observation",
    "made": "production", "generated": "generation", "created": "creation", "explained": "explanation",
    "found": "discovery", "tested": "testing", "assessed": "assessment", "identified": "identification",
    "prevented": "prevention", "controlled": "control", "stored": "storage", "financed": "financing",
    "reduced": "reduction", "improved": "improvement", "domesticated": "domestication",
    "classified": "classification", "modelled": "modelling", "modeled": "modeling", "managed": "management",
    "inherited": "inheritance",
}  # fmt: skip
"""Participle to noun: "how was X detected" asks about the detection of X."""

PARTICIPLES = frozenset(NOMINAL) | _words(
    "known seen given held kept born done grown driven broken written spread caught"
)
"""Participles; any other word in -ed counts too."""

MEASURES = {
    "old": "age", "big": "size", "large": "size", "small": "size", "fast": "speed", "quickly": "speed",
    "rapidly": "speed", "far": "distance", "long": "duration", "hot": "temperature", "cold": "temperature",
    "common": "prevalence", "prevalent": "prevalence", "accurate": "accuracy", "safe": "safety",
    "reliable": "reliability", "expensive": "cost", "costly": "cost", "heavy": "mass", "massive": "mass",
    "stable": "stability", "dangerous": "danger", "robust": "robustness", "important": "importance",
    "sustainable": "sustainability", "infectious": "infectiousness", "contagious": "contagiousness",
    "severe": "severity", "strong": "strength", "sensitive": "sensitivity", "likely": "likelihood", "deep": "depth",
    "high": "height", "efficient": "efficiency", "toxic": "toxicity", "vulnerable": "vulnerability",
    "bright": "brightness", "biased": "bias",
}  # fmt: skip
"""Adjective after "how" to the quantity it asks for."""

QUALITIES = _words("""
effective efficacious useful helpful harmful beneficial safe unsafe reliable accurate sustainable feasible possible
impossible common rare dangerous good bad important necessary stable unstable real true false flat infinite finite
alive conscious sentient intelligent toxic carcinogenic contagious reversible hereditary genetic inevitable
justified worthwhile profitable viable cheap expensive rising falling accelerating increasing decreasing declining
growing healthy unhealthy addictive ethical fair biased robust efficient renewable green blue
""")
"""Predicates of "is X …?" that say nothing about the subject itself."""

ACRONYMS = _words(
    "ai ml uk eu usa hiv aids covid adhd ptsd llm llms rna dna mrna gdp cpi oecd nlp gpt bert crispr ipcc qcd qed"
)
"""Abbreviations to restore when a question is typed in capitals only."""
FOREIGN = _words("""
der die das den dem des ein eine einer und ist sind von auf für mit zum zur wie warum welche welcher welchen gibt
über bei le la les du une sur est sont quel quels quelle quelles comment pourquoi dans avec et aux au ont el los las
una del qué cuál cuáles cómo por para con son es y il gli della dei delle degli che quali quale come sono nella o os
as um uma do da dos das na nos são é
""") - _words("as do die come con son na os um")
"""Function words of German, French, Spanish, Italian, Portuguese; two of them in a question and it is not English."""

VARIANTS = {
    "neanderthal": "neandertal", "sulph": "sulf", "aluminium": "aluminum", "oestr": "estr", "foet": "fet",
    "haem": "hem", "anaem": "anem", "paed": "ped", "oedem": "edem", "leukaem": "leukem", "caes": "ces",
}  # fmt: skip
"""Spellings of one word that are stemmed alike."""

SYNONYMS = """
decline decrease drop dwindle diminish disappear vanish shrink fall falling lessen; rise grow increase climb surge soar
rising; lose loss lost; gain win winning; beat outperform surpass exceed overtake; harm damage hurt injure; safe safety
harmless; trigger provoke induce; prevent avert; destroy devastate wreck; predict forecast foresee; quantify gauge;
merge merger collide collision; spread transmit transmission contagious contagion; expand expansion; accelerate
quicken; rapid fast quick swift quicker faster; agree agreement consensus; choose choice decide decision; danger hazard
peril; error mistake; answer reply; copy duplicate; explode explosion; heavy massive; begin onset start; stable
stability; broken breakdown collapse; unequal inequality disparity uneven gap; rich wealth wealthy affluent prosperity
prosperous richer richest; poor poverty impoverished destitute poorer poorest; wage pay paid earn earnings salary
paycheck; income revenue; employment job unemployed unemployment employee jobless; worker labor workforce; money cash;
loan credit lend lending borrow; microcredit microfinance microloan; price cost; tax taxation levy; trade commerce;
manufacture factory; firm company corporation; buy purchase; consumer shopper customer buyer; recession slump downturn;
immigrant migrant immigration; country nation; subsidy subsidise; happy happiness wellbeing; charity donation donate;
gamble gambling lottery bet; fear afraid aversion averse dread; house housing home dwelling; urban city town
metropolitan; rural countryside village; vote voter election electoral ballot; law legislation statute; war warfare;
crime criminal delinquency; school pupil schooling; university college; teach teacher; rent tenant landlord; bank
banker banking; debt indebted; save saving thrift; invest investor investment; bargain negotiate; colony colonial
colonist; behave behavior; automate automation robot robotic; usa america american us; uk britain british; china
chinese; europe european; africa african; india indian; germany german; france french; japan japanese; russia russian;
mexico mexican; brazil brazilian; spain spanish; italy italian; vaccine vaccination shot jab inoculation; drug medicine
pill pharmaceutical tablet; treat treatment therapy cure heal; therapeutic remedy; doctor physician clinician; disease
illness sickness disorder ailment sick; cancer tumor neoplasm carcinoma malignant malignancy oncology; heart cardiac
cardiovascular coronary myocardial; attack infarction; brain cerebral; kidney renal; liver hepatic; lung pulmonary;
bone skeletal; skin dermal; muscle muscular; gut intestine intestinal bowel; stomach gastric; eye ocular; tooth teeth
dental; breast mammary; stroke cerebrovascular; hypertension hypertensive antihypertensive; obesity obese overweight;
sugar glucose; cholesterol lipid ldl; statin atorvastatin simvastatin rosuvastatin; aspirin acetylsalicylic; steroid
corticosteroid glucocorticoid; bleeding hemorrhage; smoke smoker smoking tobacco cigarette; alcohol ethanol; diet
dietary nutrition; food meal; exercise workout; pain ache painful; covid coronavirus sars cov corona; pandemic epidemic
outbreak; influenza flu; virus viral; bacteria bacterium bacterial germ microbe microbial microbiome microbiota
microorganism; fungus fungal fungi; dose dosage; death mortality fatal fatality die dead lethal deadly; lifespan
longevity; healthy health; pregnancy pregnant gestation; mother maternal mum mom; birth born childbirth; baby infant
newborn neonatal; child children kid pediatric childhood; adolescent teenager teen adolescence; woman women female; man
men male; old elder elderly older senior oldest; mental psychiatric; dementia alzheimer; toxic toxicity poisonous;
immunotherapy immunotherapeutic; metastasis metastatic; surgery surgical; fat adipose; fever febrile; allergy allergic;
gene genetic genome genomic; hereditary heredity inherit inheritance; dna deoxyribonucleic; rna ribonucleic; mrna
messenger; cell cellular; embryo embryonic; aging senescence; mate interbreed interbreeding crossbreed admixture
hybridize; ancient archaic prehistoric; human humankind mankind hominin; evolve evolution evolutionary; ancestor
ancestry ancestral; insect bug; bee pollinator honeybee bumblebee; bird avian; animal creature fauna; plant vegetation;
forest woodland; mouse mice murine rodent; cow cattle livestock; shellfish mollusc mollusk oyster mussel; coral reef;
pig swine; dog canine; cat feline; horse equine; whale cetacean; species taxa; wildlife biodiversity; seed germinate;
egg ovum; sperm semen; sex sexual; ocean sea marine seawater; acid acidic acidity acidification ph; chemistry chemical;
temperature warm warming warmer warmest; heat hot heatwave hotter hottest; co2 dioxide; emission emit; pollution
pollutant smog; flood inundation; drought arid; rain rainfall precipitation; hurricane cyclone typhoon; wildfire
bushfire; glacier glacial; melt thaw; coast coastal coastline shore; crop harvest; agriculture agricultural farm farmer
farming; maize corn; meat beef; vegan vegetarian; solar sun photovoltaic; earth planet; vehicle car automobile;
aircraft airplane aviation; fuel petrol gasoline; river stream; lake freshwater; soil sediment; universe cosmos cosmic
cosmology cosmological; star stellar; galaxy galactic; moon lunar; gravity gravitational gravitation; light optical
photon; picture image photo photograph; computer processor supercomputer computing gpu; superconducting superconductor
superconductivity; laser lasing; vacuum void; llm llms chatbot chatgpt gpt; learn learner; train pretrain pretraining
trained; hallucination fabricate; recognize recognition; classify classification classifier; speech voice spoken;
dataset corpus corpora; noise noisy denoise denoising; math mathematics mathematical arithmetic; bias biased prejudice;
video film; privacy private; replace substitute supplant; cnn convnet convolution convolutional; cold colder coldest;
frail frailty; father dad paternal
"""
"""Groups of near-synonyms: everyday beside technical words, noun beside verb. Each must hold in every field."""

PHRASES = ("in order to", "in order that", "in order for", "in terms of", "in light of", "in view of", "in spite of",
           "in case of", "in the case of", "in the course of", "in the face of", "on behalf of", "with respect to",
           "with regard to", "by means of", "on account of")  # fmt: skip
"""Grammar of several words; the noun in it is no content word."""

DETERMINERS = _words("""
the a an of in for to and or on by with from at between among its their our your his her this that these those no
""")
"""Words after which no finite verb stands, and with which an adverbial rather than an object begins."""

ABBREVIATIONS = _words(
    "e.g i.e vs cf al dr mr mrs ms prof st approx resp viz spp subsp var dept univ jr sr ltd inc ca eds"
)
"""Their full stop never ends a sentence."""

BEFORE_NUMBER = _words("fig figs eq eqs ref refs no nos vol pp p sec sect ch tab ed art suppl ver")
"""Their full stop does not end a sentence when a number follows."""

STARTERS = _words("""
A After All Although An As At Both But By Compared During For From Here How However If In It Its Many More Most No
On Only Our Over Since Some Such That The Their There These They This Those Thus To Under We When Where Whether
Which While With
""")
"""Words that, capitalised after an abbreviation such as "U.S.", begin a new sentence."""

LETTERED = _words("""
vitamin group hepatitis type arm plan phase class cohort protein factor panel influenza model case site category
stage grade part condition experiment treatment table appendix point
""")
"""Words whose capital letter is a label ("vitamin C. We"), not a person's initial ("by J. Smith")."""
