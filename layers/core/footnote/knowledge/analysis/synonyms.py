"""A small, curated table of words that mean the same in documents of every trade.

Abbreviations with their long forms, synonyms, spellings of British and American English, compounds and number
words. Left out on purpose: abbreviations that mean different things in different trades ("CD", "PM"), and
words that are synonyms in one sense only: "end" and "finish", "doctor" and "physician", "cancer" and "tumour"
were tried and lost more than they found. Everything is lower case.
"""

from __future__ import annotations

# Short form = long form, by language. Met in capitals, and in small letters too unless it is a word.
_ABBREVIATIONS = {
    "en": """
        ml = machine learning
        ai = artificial intelligence
        nlp = natural language processing
        llm = large language model
        rag = retrieval augmented generation
        ocr = optical character recognition
        api = application programming interface
        sdk = software development kit
        ui = user interface
        ux = user experience
        os = operating system
        cpu = central processing unit
        gpu = graphics processing unit
        ram = random access memory
        ssd = solid state drive
        vpn = virtual private network
        lan = local area network
        dns = domain name system
        ssl = secure sockets layer
        tls = transport layer security
        ssh = secure shell
        sso = single sign on
        mfa = multi factor authentication
        2fa = two factor authentication
        iam = identity and access management
        vm = virtual machine
        vpc = virtual private cloud
        cli = command line interface
        gui = graphical user interface
        ide = integrated development environment
        ci = continuous integration
        etl = extract transform load
        iot = internet of things
        saas = software as a service
        crm = customer relationship management
        erp = enterprise resource planning
        cms = content management system
        faq = frequently asked questions
        sla = service level agreement
        slo = service level objective
        rto = recovery time objective
        rpo = recovery point objective
        nda = non disclosure agreement
        sop = standard operating procedure
        kpi = key performance indicator
        roi = return on investment
        hr = human resources
        pto = paid time off
        fte = full time equivalent
        ceo = chief executive officer
        cfo = chief financial officer
        cto = chief technology officer
        ciso = chief information security officer
        dpo = data protection officer
        gdpr = general data protection regulation
        ccpa = california consumer privacy act
        hipaa = health insurance portability and accountability act
        pii = personally identifiable information
        dpia = data protection impact assessment
        vat = value added tax
        irs = internal revenue service
        ira = individual retirement account
        etf = exchange traded fund
        gdp = gross domestic product
        ipo = initial public offering
        apr = annual percentage rate
        llc = limited liability company
        dmv = department of motor vehicles
        fbi = federal bureau of investigation
        nasa = national aeronautics and space administration
        nato = north atlantic treaty organization
        who = world health organization
        un = united nations
        eu = european union
        uk = united kingdom
        usa = united states of america
        fda = food and drug administration
        epa = environmental protection agency
        fema = federal emergency management agency
        ipcc = intergovernmental panel on climate change
        dna = deoxyribonucleic acid
        rna = ribonucleic acid
        hiv = human immunodeficiency virus
        mri = magnetic resonance imaging
        ecg = electrocardiogram
        copd = chronic obstructive pulmonary disease
        bmi = body mass index
        ldl = low density lipoprotein
        hdl = high density lipoprotein
        pcr = polymerase chain reaction
        icu = intensive care unit
        gp = general practitioner
        ev = electric vehicle
        hvac = heating ventilation and air conditioning
        qa = quality assurance
        rfp = request for proposal
        eta = estimated time of arrival
        """,
    "de": """
        dsgvo = datenschutz-grundverordnung
        ki = künstliche intelligenz
        agb = allgemeine geschäftsbedingungen
        mwst = mehrwertsteuer
        ust = umsatzsteuer
        edv = elektronische datenverarbeitung
        av-vertrag = auftragsverarbeitungsvertrag
        bgb = bürgerliches gesetzbuch
        krankmeldung = arbeitsunfähigkeitsbescheinigung
        """,
    "fr": """
        rgpd = règlement général sur la protection des données
        ia = intelligence artificielle
        tva = taxe sur la valeur ajoutée
        rh = ressources humaines
        cdi = contrat à durée indéterminée
        cdd = contrat à durée déterminée
        """,
    "es": """
        rgpd = reglamento general de protección de datos
        ia = inteligencia artificial
        iva = impuesto sobre el valor añadido
        rrhh = recursos humanos
        """,
    "it": """
        ia = intelligenza artificiale
        iva = imposta sul valore aggiunto
        """,
    "pt": """
        lgpd = lei geral de proteção de dados
        ia = inteligência artificial
        iva = imposto sobre o valor acrescentado
        rh = recursos humanos
        """,
    "nl": """
        avg = algemene verordening gegevensbescherming
        btw = belasting over de toegevoegde waarde
        zzp = zelfstandige zonder personeel
        """,
}
# Short forms that are words, names or units in small letters.
_WORDS_IN_SMALL_LETTERS = "ml rag os ram ide who un us apr eta ira ev ci vat gp it avg"
_SYNONYMS = {
    "en": """
        laptop, notebook computer
        vacation, annual leave
        paid time off, annual leave, vacation leave
        sick leave, sick days
        parental leave, maternity leave, paternity leave
        employee, staff member
        salary, wage
        remote work, work from home, telework, working from home
        refund, reimbursement, money back
        invoice, bill
        car, automobile
        mobile phone, cell phone, smartphone
        password, passphrase
        sign in, log in, login
        sign up, register, registration
        heart attack, myocardial infarction
        high blood pressure, hypertension
        attorney, lawyer
        landlord, lessor
        tenant, lessee, renter
        truck, lorry
        warranty, guarantee
        privacy policy, data protection
        """,
    "de": """
        urlaub, jahresurlaub
        gehalt, lohn, vergütung
        kündigung, kündigen
        homeoffice, telearbeit, mobiles arbeiten
        handy, mobiltelefon, smartphone
        rückerstattung, erstattung
        """,
    "fr": """
        vacances, congés
        salaire, rémunération
        télétravail, travail à distance
        remboursement, rembourser
        voiture, automobile
        courriel, email
        """,
    "es": """
        vacaciones, días libres
        salario, sueldo, remuneración
        teletrabajo, trabajo remoto
        reembolso, devolución
        coche, automóvil, carro
        ordenador, computadora
        móvil, celular
        """,
}
# American = British; also with the endings of plural, past and gerund, which the stemmer takes off.
_SPELLINGS = """
    color=colour behavior=behaviour labor=labour favor=favour favorite=favourite flavor=flavour
    honor=honour humor=humour neighbor=neighbour neighborhood=neighbourhood harbor=harbour rumor=rumour
    tumor=tumour vapor=vapour vigor=vigour odor=odour armor=armour endeavor=endeavour center=centre
    meter=metre liter=litre fiber=fibre theater=theatre caliber=calibre somber=sombre defense=defence
    offense=offence license=licence pretense=pretence practice=practise catalog=catalogue
    dialog=dialogue analog=analogue program=programme traveler=traveller traveling=travelling
    traveled=travelled canceled=cancelled canceling=cancelling labeled=labelled labeling=labelling
    modeling=modelling modeled=modelled fueled=fuelled counselor=counsellor jewelry=jewellery
    enroll=enrol enrollment=enrolment fulfill=fulfil installment=instalment skillful=skilful gray=grey
    tire=tyre plow=plough check=cheque curb=kerb mold=mould maneuver=manoeuvre anesthesia=anaesthesia
    anemia=anaemia hemoglobin=haemoglobin hematology=haematology hemorrhage=haemorrhage
    leukemia=leukaemia pediatric=paediatric orthopedic=orthopaedic gynecology=gynaecology
    diarrhea=diarrhoea edema=oedema esophagus=oesophagus estrogen=oestrogen fetus=foetus fetal=foetal
    celiac=coeliac ischemia=ischaemia ischemic=ischaemic hypoglycemia=hypoglycaemia etiology=aetiology
    sulfur=sulphur sulfate=sulphate aluminum=aluminium airplane=aeroplane cozy=cosy skeptical=sceptical
    aging=ageing judgment=judgement acknowledgment=acknowledgement encyclopedia=encyclopaedia
    archeology=archaeology aerofoil=airfoil artifact=artefact
"""
# Joined = apart; each stands for the hyphened form as well.
_COMPOUNDS = """
    email=e mail  website=web site  webpage=web page  database=data base  login=log in  logout=log out
    signup=sign up  online=on line  offline=off line  onboarding=on boarding  offboarding=off boarding
    workflow=work flow  checklist=check list  spreadsheet=spread sheet  timesheet=time sheet
    payroll=pay roll  backup=back up  setup=set up  timeout=time out  username=user name
    filename=file name  firewall=fire wall  healthcare=health care  childcare=child care
    daycare=day care  multiuser=multi user  multitenant=multi tenant  preorder=pre order
    cooperate=co operate  coworker=co worker  reuse=re use  realtime=real time  parttime=part time
    fulltime=full time  nonprofit=non profit  prepaid=pre paid  multimodal=multi modal  wifi=wi fi
    ecommerce=e commerce  smartphone=smart phone  lifecycle=life cycle  lifetime=life time
    boundary layer=boundarylayer  crosswind=cross wind  downwash=down wash
"""
_NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze",
    "nl": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf",
    "sv": "noll ett två tre fyra fem sex sju åtta nio tio elva tolv",
    "da": "nul et to tre fire fem seks syv otte ni ti elleve tolv",
    "no": "null en to tre fire fem seks sju åtte ni ti elleve tolv",
    "fi": "nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen yksitoista "
    "kaksitoista",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście",
    "tr": "sıfır bir iki üç dört beş altı yedi sekiz dokuz on onbir oniki",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
}
Table = dict[str, tuple[str, ...]]


def _both_ways(pairs: list[tuple[str, str]]) -> Table:
    table: dict[str, list[str]] = {}
    for one, other in pairs:
        table.setdefault(one, []).append(other)
        table.setdefault(other, []).append(one)
    return {term: tuple(dict.fromkeys(others)) for term, others in table.items()}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _abbreviations(text: str) -> Table:
    return _both_ways(
        [(short.strip(), long.strip()) for short, long in (line.split("=") for line in _lines(text))]
    )


def _groups(text: str) -> Table:
    table: dict[str, list[str]] = {}
    for line in _lines(text):
        terms = [term.strip() for term in line.split(",")]
        for term in terms:
            table.setdefault(term, []).extend(other for other in terms if other != term)
    return {term: tuple(dict.fromkeys(others)) for term, others in table.items()}


def _compounds(text: str) -> Table:
    pairs = [pair.strip().split("=") for pair in text.replace("\n", "  ").split("  ") if "=" in pair]
    return _both_ways([(joined, apart) for joined, apart in pairs])


def _numbers(text: str) -> Table:
    # "One" and its like are articles as often as numbers.
    return _both_ways([(word, str(value)) for value, word in enumerate(text.split()) if value > 1])


WORDS_IN_SMALL_LETTERS = frozenset(_WORDS_IN_SMALL_LETTERS.split())
ABBREVIATIONS = {language: _abbreviations(text) for language, text in _ABBREVIATIONS.items()}
SYNONYMS = {language: _groups(text) for language, text in _SYNONYMS.items()}
SPELLINGS = _both_ways([(one, other) for one, other in (pair.split("=") for pair in _SPELLINGS.split())])
COMPOUNDS = _compounds(_COMPOUNDS)
NUMBERS = {language: _numbers(text) for language, text in _NUMBERS.items()}
